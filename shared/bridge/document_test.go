package bridge_test

import (
	"testing"

	"github.com/trustbridge/trustbridge/shared/bridge"
	"github.com/trustbridge/trustbridge/test/configdoc"
)

// TestConfigurationDocument keeps the part of docs/configuration.md that all functions share true to the struct.
func TestConfigurationDocument(t *testing.T) {
	configdoc.Check(t, "../../docs/configuration.md", "all functions", &bridge.Config{})
}
