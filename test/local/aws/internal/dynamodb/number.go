package dynamodb

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

// Limits of numbers.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
const (
	digitsMax   = 38
	exponentMin = -130 // of the first digit, as in 1E-130
	exponentMax = 125
)

// numberPattern is narrower than what AWS may take: no plus sign in front, a digit on both sides of the point.
var numberPattern = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// number is ± 0.DIGITS × 10^exponent, without zeros at either end of its digits; zero has no digits.
type number struct {
	negative bool
	digits   string
	exponent int
}

// parseNumber reads a number and refuses what DynamoDB cannot hold exactly.
func parseNumber(text string) (number, *Error) {
	if text == "" {
		return number{}, invalid("The parameter cannot be converted to a numeric value")
	}
	if !numberPattern.MatchString(text) {
		return number{}, invalid("The parameter cannot be converted to a numeric value: %s", text)
	}
	rest, negative := strings.CutPrefix(text, "-")
	mantissa, power := rest, ""
	if i := strings.IndexAny(rest, "eE"); i >= 0 {
		mantissa, power = rest[:i], rest[i+1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	n := number{negative: negative, digits: strings.TrimRight(digits, "0"), exponent: len(whole) - (len(whole+fraction) - len(digits))}
	if n.digits == "" {
		return number{}, nil
	}
	if power != "" {
		p, err := strconv.Atoi(power)
		if err != nil || p > 1<<30 || p < -1<<30 {
			// Beyond any mantissa that a request can hold.
			p = 1 << 30
			if power[0] == '-' {
				p = -p
			}
		}
		n.exponent += p
	}
	switch {
	case n.exponent-1 > exponentMax:
		return number{}, invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
	case n.exponent-1 < exponentMin:
		return number{}, invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
	case len(n.digits) > digitsMax:
		return number{}, invalid("Attempting to store more than %d significant digits in a Number", digitsMax)
	}
	return n, nil
}

// mustNumber is the number of a Value that was read before.
func mustNumber(text string) number {
	n, err := parseNumber(text)
	if err != nil {
		panic("dynamodb: a stored number is none: " + text)
	}
	return n
}

// String is the number as DynamoDB answers it: all digits, no exponent, no zeros that say nothing.
func (n number) String() string {
	var b strings.Builder
	if n.negative {
		b.WriteByte('-')
	}
	switch {
	case n.digits == "":
		return "0"
	case n.exponent <= 0:
		b.WriteString("0." + strings.Repeat("0", -n.exponent) + n.digits)
	case n.exponent >= len(n.digits):
		b.WriteString(n.digits + strings.Repeat("0", n.exponent-len(n.digits)))
	default:
		b.WriteString(n.digits[:n.exponent] + "." + n.digits[n.exponent:])
	}
	return b.String()
}

// size is a byte for the exponent, one for a sign, and one for every two digits, counted from the decimal point: 12 is one
// pair, 1.2 two. The documentation says about one byte for two digits and one more, which this is never below.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
// Source: https://github.com/architect/dynalite/blob/master/db/index.js
func (n number) size() int {
	if n.digits == "" {
		return 1
	}
	odd := (n.exponent%2 + 2) % 2
	size := 1 + (odd+len(n.digits)+1)/2
	if n.negative {
		size++
	}
	return size
}

// compareNumbers orders two numbers in their canonical form.
func compareNumbers(a, b string) int {
	x, y := mustNumber(a), mustNumber(b)
	if x.sign() != y.sign() {
		return cmp.Compare(x.sign(), y.sign())
	}
	return x.sign() * cmp.Or(cmp.Compare(x.exponent, y.exponent), strings.Compare(x.digits, y.digits))
}

func (n number) sign() int {
	switch {
	case n.digits == "":
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// count is a whole number as a value.
func count(n int) Value { return Value{Type: Number, Text: strconv.Itoa(n)} }
