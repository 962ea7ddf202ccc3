package plan

import (
	_ "embed" // the scripts
	"strings"

	"github.com/trustbridge/trustbridge/cmd/trustbridge/internal/folder"
)

// The scripts' parts: each script is its own part between the two others.
var (
	//go:embed script/head.sh
	scriptHead string
	//go:embed script/tail.sh
	scriptTail string
	//go:embed script/aws-cli.sh
	scriptAWSCLI string
	//go:embed script/cloudformation.sh
	scriptCloudFormation string
	//go:embed script/terraform.sh
	scriptTerraform string
)

// Script is one way to apply the set-up.
type Script struct {
	// Tool is who knows it, Path its file in the folder.
	Tool, Path string
}

// Scripts are the ways to apply the set-up, in the order in which they are shown.
func Scripts() []Script {
	return []Script{{"AWS CLI", "aws-cli.sh"}, {"CloudFormation", "cloudformation.sh"}, {"Terraform", "terraform.sh"}}
}

// scripts are complete in themselves, so that each can be read before it is run.
func (o Options) scripts() []folder.File {
	body := map[string]string{"aws-cli.sh": scriptAWSCLI, "cloudformation.sh": scriptCloudFormation, "terraform.sh": scriptTerraform}
	region := ""
	if o.Region != "" {
		region = "export AWS_REGION=" + QuoteShell(o.Region) + " AWS_DEFAULT_REGION=" + QuoteShell(o.Region) + "\n"
	}
	var files []folder.File
	for _, s := range Scripts() {
		what, steps, _ := strings.Cut(body[s.Path], "\n\n")
		text := strings.NewReplacer("@what@\n", what+"\n", "@region@\n", region).Replace(scriptHead) + "\n" +
			strings.Replace(steps, "@name@", o.name(), 1) + "\n" + scriptTail
		files = append(files, folder.File{Path: s.Path, Content: []byte(text)})
	}
	return files
}
