// Package manifest reads stack.yml as OpenFaaS does, and more strictly.
//
// [Load] decodes with OpenFaaS's own types and parser but refuses what that parser drops silently. [Problems] lists what
// Community Edition would refuse, and what it would take although it cannot work. [Deployment] is what faas-cli then sends.
//
// It promises no more than was read of OpenFaaS's code: what a cluster admits beyond that is not known here.
package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/openfaas/faas-provider/types"
	"github.com/openfaas/go-sdk/stack"
	"gopkg.in/yaml.v3"
)

// Load reads a stack file.
func Load(path string) (*stack.Services, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller's own file
	if err != nil {
		return nil, err
	}
	s, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// Parse reads the text of a stack file, with the values of the process's environment for ${NAME:-default}, as faas-cli does.
// A key that OpenFaaS does not know is an error: its own parser drops it.
func Parse(text []byte) (*stack.Services, error) {
	if err := strict(text, new(stack.Services)); err != nil {
		return nil, err
	}
	return stack.ParseYAMLData(text, "", "", true)
}

func strict(text []byte, v any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(v)
}

// Deployment is what faas-cli sends to deploy the function: its own environment, and over it that of its files, the later the
// stronger. Relative paths of files start at folder, the stack file's.
//
// Source: https://docs.openfaas.com/reference/yaml/#function-external-environment-variables
func Deployment(name string, f stack.Function, folder string) (types.FunctionDeployment, error) {
	d := types.FunctionDeployment{
		Service: name, Image: f.Image, Namespace: f.Namespace, EnvVars: maps.Clone(f.Environment), Secrets: f.Secrets,
		Labels: f.Labels, Annotations: f.Annotations, ReadOnlyRootFilesystem: f.ReadOnlyRootFilesystem,
	}
	for _, path := range f.EnvironmentFile {
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		text, err := os.ReadFile(path) //nolint:gosec // named by the stack file
		if err != nil {
			return d, fmt.Errorf("environment_file of %s: %w; trustbridge setup writes it", name, err)
		}
		var file stack.EnvironmentFile
		if err := strict(text, &file); err != nil {
			return d, fmt.Errorf("environment_file of %s: %s: %w", name, path, err)
		}
		maps.Copy(d.EnvVars, file.Environment)
	}
	if r := f.Limits; r != nil {
		d.Limits = &types.FunctionResources{Memory: r.Memory, CPU: r.CPU}
	}
	if r := f.Requests; r != nil {
		d.Requests = &types.FunctionResources{Memory: r.Memory, CPU: r.CPU}
	}
	return d, nil
}
