package dynamodb

import "fmt"

// Codes of errors.
const (
	CodeCondition     = "ConditionalCheckFailedException"
	CodeInUse         = "ResourceInUseException"
	CodeNotFound      = "ResourceNotFoundException"
	CodeSerialization = "SerializationException"
	CodeValidation    = "ValidationException"
)

// Error is a refusal.
type Error struct {
	// Code is one of the codes of this package.
	Code string
	// Text is what AWS says, or what the stand-in says where that is not known.
	Text string
	// Item is the item that failed a condition, nil if there was none or the error is another.
	Item Item
}

// Error is the code and the text.
func (e *Error) Error() string { return e.Code + ": " + e.Text }

func invalid(format string, args ...any) *Error {
	return &Error{Code: CodeValidation, Text: fmt.Sprintf(format, args...)}
}

// parameter is the refusal of a value; most texts begin so.
func parameter(format string, args ...any) *Error {
	return invalid("One or more parameter values were invalid: "+format, args...)
}

func unreadable(text string) *Error {
	return &Error{Code: CodeSerialization, Text: "stand-in: " + text}
}

func notFound() *Error {
	return &Error{Code: CodeNotFound, Text: "Requested resource not found"}
}
