package ingress

// repairs is the set of leniencies that an event needed.
type repairs uint8

// The leniencies, in the order in which they are reported.
const (
	structuredUnderJSON repairs = 1 << iota
	defaultSource
	timeZoneAssumed
	nameRepaired
	unwrapped
)

// leniency is a leniency's name for people and the counter that counts it.
type leniency struct {
	repair        repairs
	name, counter string
}

// leniencies is all of them, in order. It is a function, since a package has no state here.
func leniencies() [5]leniency {
	return [...]leniency{
		{structuredUnderJSON, "structured-under-json", "repair_structured_under_json"},
		{defaultSource, "default-source", "repair_default_source"},
		{timeZoneAssumed, "time-zone-assumed", "repair_time_zone_assumed"},
		{nameRepaired, "name-repaired", "repair_name_repaired"},
		{unwrapped, "unwrapped", "repair_unwrapped"},
	}
}
