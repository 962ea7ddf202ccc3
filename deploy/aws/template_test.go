package aws

import (
	"bytes"
	"fmt"
	"testing"
)

func TestTemplateHasARoleForEachFunction(t *testing.T) {
	for _, role := range []string{"PublishSnsRole", "StoreDynamodbRole", "InvokeLambdaRole"} {
		if !bytes.Contains(Template, []byte("\n  "+role+":\n")) {
			t.Errorf("the template has no %s", role)
		}
	}
}

func Example() {
	first, _, _ := bytes.Cut(Template, []byte("\n"))
	fmt.Printf("%s\n", first)
	// Output: AWSTemplateFormatVersion: '2010-09-09'
}
