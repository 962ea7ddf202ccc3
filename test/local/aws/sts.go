package aws

import (
	"fmt"
	"net/http"
)

const stsVersion = "2011-06-15"

// callerIdentity is the answer to GetCallerIdentity.
type callerIdentity struct {
	Arn, UserId, Account string // as AWS names its elements
}

// sts answers a request that was signed for STS. GetCallerIdentity needs no permission, and no policy can deny it.
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (s *Server) sts(c *call) *answer {
	invalid := func(format string, args ...any) *answer {
		return s.refuse(c, &refusal{status: http.StatusBadRequest, code: "InvalidAction", text: "stand-in: " + fmt.Sprintf(format, args...)})
	}
	switch {
	case c.Method != http.MethodPost || c.URL.RawQuery != "":
		return invalid("a call is a POST without a query")
	case c.form.err != nil || c.form.twice() != "":
		return invalid("the form cannot be read, or a parameter is there twice")
	case c.form.text("Version") != stsVersion:
		return invalid("the version must be %s", stsVersion)
	case c.form.text("Action") != "GetCallerIdentity":
		return invalid("the action is not here; only GetCallerIdentity is")
	case len(c.form.values) != 2:
		return invalid("GetCallerIdentity takes no parameters")
	}
	who := callerIdentity{Arn: c.identity.arn, UserId: c.identity.roleID + ":" + c.identity.name, Account: s.config.Account}
	if c.identity.seed {
		who.Arn = fmt.Sprintf("arn:%s:iam::%s:user/seed", s.config.Partition, s.config.Account)
		who.UserId = "AIDASEEDSEEDSEEDSEED"
	}
	return xmlAnswer(c, who)
}
