package template

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// bytesMax is the largest template that CloudFormation takes.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
const bytesMax = 1_000_000

// Resource is a resource that is to be made.
type Resource struct {
	// ID is its name in the template, Type its type, for example AWS::SNS::Topic.
	ID, Type string
	// Name is the property that names it; where a template leaves the name to CloudFormation, it is ID. "" of types without.
	Name string
	// Properties are the properties with every function replaced by its value: what encoding/json can write, without those
	// that are AWS::NoValue.
	Properties map[string]any
}

// Template is what a template says.
type Template struct {
	// Resources are those to be made under the template's conditions, each after all that it refers to.
	Resources []Resource
	// Outputs are the values of the outputs by name, without those whose condition is false.
	Outputs map[string]string
}

// Read reads a template. parameters are the values of its parameters; those without a default must be there. names are what
// resources become. Errors name what is wrong or not read.
func Read(r io.Reader, parameters map[string]string, names Names) (Template, error) {
	t, err := read(r, parameters, names)
	if err != nil {
		return Template{}, fmt.Errorf("read template: %w", err)
	}
	return t, nil
}

func read(r io.Reader, parameters map[string]string, names Names) (Template, error) {
	text, err := io.ReadAll(io.LimitReader(r, bytesMax+1))
	if err != nil {
		return Template{}, err
	}
	if len(text) > bytesMax {
		return Template{}, fmt.Errorf("it has more than %d bytes", bytesMax)
	}
	tree, err := decode(text)
	if err != nil {
		return Template{}, err
	}
	top, ok := tree.(object)
	if !ok {
		return Template{}, fmt.Errorf("it must be a mapping")
	}
	if err := top.only("the template", "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs"); err != nil {
		return Template{}, err
	}
	e := evaluator{names: names, uses: make(map[string]bool)}
	if err := e.readParameters(top, parameters); err != nil {
		return Template{}, err
	}
	if err := e.readConditions(top); err != nil {
		return Template{}, err
	}
	if e.resources, err = e.readResources(top); err != nil {
		return Template{}, err
	}
	var t Template
	if t.Resources, err = e.ordered(); err != nil {
		return Template{}, err
	}
	t.Outputs, err = e.outputs(top)
	return t, err
}

func (e *evaluator) readResources(top object) (map[string]resource, error) {
	list, err := top.part("the template", "Resources")
	if err != nil {
		return nil, err
	}
	resources := make(map[string]resource, len(list))
	for _, id := range sortedKeys(list) {
		what := "resource " + id
		o, ok := list[id].(object)
		if !ok {
			return nil, fmt.Errorf("%s must be a mapping", what)
		}
		if err := o.only(what, "Type", "Condition", "Properties", "DependsOn", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"); err != nil {
			return nil, err
		}
		r := resource{}
		r.kind, _ = o["Type"].(string)
		if !knownType(r.kind) {
			return nil, fmt.Errorf("%s: type %q is not read", what, r.kind)
		}
		if r.properties, err = o.part(what, "Properties"); err != nil {
			return nil, err
		}
		r.metadata = o["Metadata"]
		if r.left, err = e.leftOut(o); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		switch after := o["DependsOn"].(type) {
		case nil:
		case string:
			r.after = []any{after}
		case []any:
			r.after = after
		default:
			return nil, fmt.Errorf("%s: DependsOn must name resources", what)
		}
		resources[id] = r
	}
	return resources, nil
}

// ordered are the resources to be made, each after those that it refers to or depends on.
func (e *evaluator) ordered() ([]Resource, error) {
	made := make(map[string]Resource)
	needs := make(map[string][]string)
	for _, id := range slices.Sorted(maps.Keys(e.resources)) {
		if e.resources[id].left {
			continue
		}
		r, err := e.resource(id)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", id, err)
		}
		made[id], needs[id] = r, slices.Sorted(maps.Keys(e.uses))
	}
	var out []Resource
	state := make(map[string]int) // :: id → 1 while it is being placed, 2 after
	var place func(id string) error
	place = func(id string) error {
		switch state[id] {
		case 1:
			return fmt.Errorf("resource %s: what it refers to refers to it again", id)
		case 2:
			return nil
		}
		state[id] = 1
		for _, other := range needs[id] {
			if err := place(other); err != nil {
				return err
			}
		}
		state[id] = 2
		out = append(out, made[id])
		return nil
	}
	for _, id := range slices.Sorted(maps.Keys(made)) {
		if err := place(id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// resource evaluates one resource; uses are the resources that it refers to.
func (e *evaluator) resource(id string) (Resource, error) {
	r := e.resources[id]
	clear(e.uses)
	name, err := e.name(id)
	if err != nil {
		return Resource{}, err
	}
	v, err := e.evaluate(r.properties)
	if err != nil {
		return Resource{}, err
	}
	if r.metadata != nil { // what it refers to is made before, as what a property refers to
		if _, err := e.evaluate(r.metadata); err != nil {
			return Resource{}, fmt.Errorf("member Metadata: %w", err)
		}
	}
	for _, other := range r.after {
		name, _ := other.(string)
		target, there := e.resources[name]
		if !there {
			return Resource{}, fmt.Errorf("DependsOn: there is no resource %v", other)
		}
		if !target.left { // CloudFormation ignores a dependency on what is not made
			e.uses[name] = true
		}
	}
	properties, _ := v.(map[string]any) // an object gives one
	return Resource{ID: id, Type: r.kind, Name: name, Properties: properties}, nil
}

func (e *evaluator) outputs(top object) (map[string]string, error) {
	list, err := top.part("the template", "Outputs")
	if err != nil {
		return nil, err
	}
	outputs := make(map[string]string, len(list))
	for _, name := range sortedKeys(list) {
		what := "output " + name
		o, ok := list[name].(object)
		if !ok {
			return nil, fmt.Errorf("%s must be a mapping", what)
		}
		if err := o.only(what, "Description", "Value", "Condition"); err != nil {
			return nil, err
		}
		left, err := e.leftOut(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		if left {
			continue
		}
		if outputs[name], err = e.text(o["Value"]); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	return outputs, nil
}

func sortedKeys(o object) []string { return slices.Sorted(maps.Keys(o)) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }
