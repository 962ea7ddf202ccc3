package command

import (
	"fmt"
	"io/fs"
	"strings"

	deploy "github.com/trustbridge/trustbridge/deploy/aws"
)

// terraformFiles are the files of the Terraform module, by their names in its folder.
func terraformFiles() (map[string][]byte, error) {
	files := make(map[string][]byte)
	err := fs.WalkDir(deploy.Terraform, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := deploy.Terraform.ReadFile(path)
		files[strings.TrimPrefix(path, "terraform/")] = content
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the terraform module: %w", err)
	}
	return files, nil
}
