package local

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	deploy "github.com/trustbridge/trustbridge/deploy/aws"
	"github.com/trustbridge/trustbridge/test/local/btp"
)

func TestDeployReplacesTheRoles(t *testing.T) {
	stand := start(t)
	defer func() { _ = stand.Close() }()
	c, err := stand.SetUp(btp.Leaf{EC: true}, Lambda{})
	if err != nil {
		t.Fatal(err)
	}
	roles := func() []string { return []string{c.RoleARN, c.StoreRoleARN, c.InvokeRoleARN} }
	before := roles()
	if err := c.Deploy(bytes.ReplaceAll(deploy.Template, []byte("sns:Publish\n"), []byte("sns:Subscribe\n"))); err != nil {
		t.Fatal(err)
	}
	if after := roles(); !slices.Equal(after, before) || slices.Contains(after, "") {
		t.Errorf("Deploy() changed the roles %v to %v, want the same ARNs", before, after)
	}
	if err := c.Deploy([]byte("Resources: {}\n")); err == nil || !strings.Contains(err.Error(), "load template: ") {
		t.Errorf("Deploy() of a template without its parameters = %v, want an error", err)
	}
	for i, arn := range roles() {
		if err := stand.AWS.DeleteRole(before[i]); arn != "" || err == nil {
			t.Errorf("after an error role %s is there as %q, want none", before[i], arn)
		}
	}
	if err := c.Deploy(deploy.Template); err != nil {
		t.Fatal(err)
	}
	if after := roles(); !slices.Equal(after, before) {
		t.Errorf("the roles are %v after an error and another Deploy(), want %v", after, before)
	}
}
