package binding

import "strconv"

// Kind says what is wrong with the bindings. The zero Kind is not a valid one.
type Kind int

const (
	// NoBinding means that none was found. Only a change of the deployment cures it.
	NoBinding Kind = iota + 1
	// SeveralBindings means that more than one matches. Only a choice cures it.
	SeveralBindings
	// IncompleteBinding means that fields are missing or unusable, or that certificate and key do not belong together.
	IncompleteBinding
	// ExpiredBinding is an x509 binding whose certificate has expired.
	ExpiredBinding
	// Unreadable means that a source cannot be read, or is not what it should be.
	Unreadable
)

// String is the kind's name in logs.
func (k Kind) String() string {
	name, _ := k.texts()
	return name
}

// texts is the kind's name and its sentence for strangers.
func (k Kind) texts() (name, detail string) {
	switch k {
	case NoBinding:
		return "no-binding", "the bridge has no binding of the SAP BTP Destination Service; bind an instance or give it a service key"
	case SeveralBindings:
		return "several-bindings", "the bridge has several bindings of the SAP BTP Destination Service; choose one by DESTINATION_BINDING"
	case IncompleteBinding:
		return "incomplete-binding", "the binding of the SAP BTP Destination Service lacks fields; create it again"
	case ExpiredBinding:
		return "binding-expired", "the certificate in the binding of the SAP BTP Destination Service has expired; create the binding again, " +
			"and have it rotated before its certificate ends"
	case Unreadable:
		return "unreadable-binding", "the binding of the SAP BTP Destination Service cannot be read; compare the file or variable with what SAP printed"
	}
	return "binding.Kind(" + strconv.Itoa(int(k)) + ")", "the binding of the SAP BTP Destination Service cannot be used; an operator finds the reason in the log"
}

// Error is why there is no usable binding. It never shows a value of one, names and places aside.
type Error struct {
	// Kind is what is wrong.
	Kind Kind
	// Reason says where was looked, what was found and what to do.
	Reason string
	// Err is the cause; nil if there is none below.
	Err error
}

// Error is "find destination service binding: kind: reason".
func (e *Error) Error() string {
	s := "find destination service binding: " + e.Kind.String() + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// RetryableError is false: looking again at once finds the same.
func (e *Error) RetryableError() bool { return false }

// Outage is false: a human must change the binding.
func (e *Error) Outage() bool { return false }

// Detail is one sentence for a stranger: what is wrong and what cures it.
func (e *Error) Detail() string {
	_, detail := e.Kind.texts()
	return detail
}
