package template

import "fmt"

// readConditions gives each condition its value. Conditions may name others that stand before or after them.
// Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html
func (e *evaluator) readConditions(top object) error {
	list, err := top.part("the template", "Conditions")
	if err != nil {
		return err
	}
	e.conditions = make(map[string]bool, len(list))
	for _, name := range sortedKeys(list) {
		if err := e.readCondition(list, name, nil); err != nil {
			return fmt.Errorf("condition %s: %w", name, err)
		}
	}
	return nil
}

// readCondition gives one condition its value; above are those that need it.
func (e *evaluator) readCondition(list object, name string, above []string) error {
	if _, known := e.conditions[name]; known {
		return nil
	}
	if _, there := list[name]; !there {
		return fmt.Errorf("there is no condition %q", name)
	}
	if contains(above, name) {
		return fmt.Errorf("it needs its own value")
	}
	value, err := e.holds(list, list[name], append(above, name))
	if err == nil {
		e.conditions[name] = value
	}
	return err
}

// holds is the value of the expression of a condition.
func (e *evaluator) holds(list object, v any, above []string) (bool, error) {
	c, ok := v.(call)
	if !ok {
		return false, fmt.Errorf("it must be one of Fn::Equals, Fn::Not, Fn::And, Fn::Or and Condition")
	}
	if c.name == "Condition" {
		name, _ := c.argument.(string)
		if err := e.readCondition(list, name, above); err != nil {
			return false, err
		}
		return e.conditions[name], nil
	}
	operands, ok := c.argument.([]any)
	if !ok {
		return false, c.errorf("its argument must be a list")
	}
	if c.name == "Fn::Equals" {
		if len(operands) != 2 {
			return false, c.errorf("it compares two values")
		}
		a, err := e.text(operands[0])
		if err != nil {
			return false, c.errorf("%s", err)
		}
		b, err := e.text(operands[1])
		if err != nil {
			return false, c.errorf("%s", err)
		}
		return a == b, nil
	}
	least, most := 2, 10
	if c.name == "Fn::Not" {
		least, most = 1, 1
	}
	if c.name != "Fn::Not" && c.name != "Fn::And" && c.name != "Fn::Or" || len(operands) < least || len(operands) > most {
		return false, c.errorf("this function, or with so many conditions, is not read here")
	}
	all, some := true, false
	for _, operand := range operands {
		value, err := e.holds(list, operand, above)
		if err != nil {
			return false, err
		}
		all, some = all && value, some || value
	}
	switch c.name {
	case "Fn::Not":
		return !all, nil
	case "Fn::And":
		return all, nil
	}
	return some, nil
}

// leftOut tells whether a resource or an output has a condition that is false.
func (e *evaluator) leftOut(o object) (bool, error) {
	v, there := o["Condition"]
	if !there {
		return false, nil
	}
	name, _ := v.(string)
	value, known := e.conditions[name]
	if !known {
		return false, fmt.Errorf("there is no condition %q", name)
	}
	return !value, nil
}

// choose is Fn::If: the value that is not chosen is not looked at, since it may refer to what is not made.
func (e *evaluator) choose(c call) (any, error) {
	list, _ := c.argument.([]any)
	if len(list) != 3 {
		return nil, c.errorf("its argument must be a condition and two values")
	}
	name, _ := list[0].(string)
	value, known := e.conditions[name]
	if !known {
		return nil, c.errorf("there is no condition %q", name)
	}
	if value {
		return e.evaluate(list[1])
	}
	return e.evaluate(list[2])
}
