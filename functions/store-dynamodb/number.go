package main

import (
	"bytes"
	"cmp"
	"strconv"
)

// What DynamoDB can hold as a number: 38 significant digits, from 1E-130 to 9.99…E+125.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
const (
	digitsMax   = 38
	exponentMin = -130
	exponentMax = 125
)

// number is ± 0.DIGITS × 10^exponent, without zeros at either end of its digits; zero has no digits.
type number struct {
	negative bool
	digits   []byte
	exponent int
}

// parseNumber reads a number as JSON writes it; fits tells whether it is one that DynamoDB can hold with all its digits.
func parseNumber(text []byte) (n number, fits bool) {
	rest, negative := bytes.CutPrefix(text, []byte("-"))
	mantissa, power := rest, 0
	if i := bytes.IndexAny(rest, "eE"); i >= 0 {
		p, ok := parsePower(rest[i+1:])
		if !ok {
			return number{}, false
		}
		mantissa, power = rest[:i], p
	}
	whole, fraction, hasPoint := bytes.Cut(mantissa, []byte("."))
	if len(whole) == 0 || hasPoint && len(fraction) == 0 {
		return number{}, false
	}
	all := whole
	if hasPoint {
		all = append(append(make([]byte, 0, len(mantissa)), whole...), fraction...)
	}
	for _, c := range all {
		if c < '0' || c > '9' {
			return number{}, false
		}
	}
	digits := bytes.TrimLeft(all, "0")
	n = number{negative: negative, exponent: len(whole) - (len(all) - len(digits)) + power, digits: bytes.TrimRight(digits, "0")}
	if len(n.digits) == 0 {
		return number{}, true
	}
	return n, len(n.digits) <= digitsMax && n.exponent-1 >= exponentMin && n.exponent-1 <= exponentMax
}

// parsePower reads the power of ten; one that is beyond any mantissa is cut.
func parsePower(text []byte) (int, bool) {
	const beyond = 1 << 40
	digits, negative := bytes.CutPrefix(text, []byte("-"))
	if !negative {
		digits = bytes.TrimPrefix(text, []byte("+"))
	}
	p := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		p = min(10*p+int(c-'0'), beyond)
	}
	if negative {
		p = -p
	}
	return p, len(digits) > 0
}

// size is the number's in bytes: one for the exponent, one for a sign, one for every two digits counted from the decimal
// point. The documentation says about one for two digits and one more, which this is never below.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
// Source: https://github.com/architect/dynalite/blob/master/db/index.js
func (n number) size() int {
	if len(n.digits) == 0 {
		return 1
	}
	odd := (n.exponent%2 + 2) % 2
	size := 1 + (odd+len(n.digits)+1)/2
	if n.negative {
		size++
	}
	return size
}

// plainMax is the longest text of a number that is sent as it was written; a longer one may be zeros for the most part.
const plainMax = digitsMax + 2

// appendNumber appends a number, written as text, in a form that DynamoDB reads: the text itself, if that is short.
func (n number) appendTo(b, text []byte) []byte {
	switch {
	case len(n.digits) == 0:
		return append(b, '0')
	case len(text) <= plainMax:
		return append(b, text...)
	}
	if n.negative {
		b = append(b, '-')
	}
	b = append(b, n.digits[0])
	if len(n.digits) > 1 {
		b = append(append(b, '.'), n.digits[1:]...)
	}
	return strconv.AppendInt(append(b, 'E'), int64(n.exponent-1), 10)
}

func (n number) sign() int {
	switch {
	case len(n.digits) == 0:
		return 0
	case n.negative:
		return -1
	}
	return 1
}

// compare orders numbers by their value.
func (n number) compare(m number) int {
	if n.sign() != m.sign() {
		return cmp.Compare(n.sign(), m.sign())
	}
	return n.sign() * cmp.Or(cmp.Compare(n.exponent, m.exponent), bytes.Compare(n.digits, m.digits))
}

// floor is the whole part of a number that is not negative and below 10^18, which ok tells.
func (n number) floor() (whole int64, ok bool) {
	if n.negative || n.exponent > 18 {
		return 0, false
	}
	for i := range max(n.exponent, 0) {
		whole *= 10
		if i < len(n.digits) {
			whole += int64(n.digits[i] - '0')
		}
	}
	return whole, true
}
