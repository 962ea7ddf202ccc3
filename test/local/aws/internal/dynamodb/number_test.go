package dynamodb

import (
	"cmp"
	"math/big"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	nines := strings.Repeat("9", 38)
	for _, tt := range []struct {
		text, want string
		size       int
	}{
		{"0", "0", 1}, {"-0", "0", 1}, {"0.000", "0", 1}, {"0e999999999999", "0", 1}, {"007", "7", 2},
		{"1.50", "1.5", 3}, {"1", "1", 2}, {"-1", "-1", 3}, {"10", "10", 2}, {"12", "12", 2}, {"1.2", "1.2", 3}, {"100", "100", 2}, {"123", "123", 3},
		{"1e2", "100", 2}, {"1.5E+3", "1500", 2}, {"15e-1", "1.5", 3}, {"0.05", "0.05", 2}, {"5E-3", "0.005", 2}, {"-120.340", "-120.34", 5},
		{nines, nines, 20}, {"0." + nines, "0." + nines, 20}, {"9" + "." + nines[1:], "9." + nines[1:], 21},
		{"9." + nines[1:] + "E125", nines + strings.Repeat("0", 88), 20},
		{"1E-130", "0." + strings.Repeat("0", 129) + "1", 2}, {"-1E-130", "-0." + strings.Repeat("0", 129) + "1", 3},
		{nines + strings.Repeat("0", 50), nines + strings.Repeat("0", 50), 20},
	} {
		n, err := parseNumber(tt.text)
		if err != nil || n.String() != tt.want || n.size() != tt.size {
			t.Errorf("parseNumber(%s) = %s of %d bytes, %v, want %s of %d", tt.text, n, n.size(), err, tt.want, tt.size)
		}
	}
	for _, tt := range []struct{ text, says string }{
		{"", "The parameter cannot be converted to a numeric value"},
		{"x", "The parameter cannot be converted to a numeric value: x"}, {"1,5", "numeric value: 1,5"}, {"NaN", "numeric value: NaN"},
		{"+1", "numeric"}, {".5", "numeric"}, {"5.", "numeric"}, {" 1", "numeric"}, {"1e", "numeric"}, {"0x1", "numeric"}, {"--1", "numeric"}, {"1_0", "numeric"},
		{nines + "1", "Attempting to store more than 38 significant digits in a Number"}, {"1." + nines, "more than 38"},
		{"1E126", "Number overflow. Attempting to store a number with magnitude larger than supported range"},
		{"-1E126", "Number overflow"}, {"10E125", "Number overflow"}, {"1e99999999999999999999", "Number overflow"},
		{"1E-131", "Number underflow. Attempting to store a number with magnitude smaller than supported range"},
		{"0.1E-130", "Number underflow"}, {"1e-99999999999999999999", "Number underflow"},
	} {
		if n, err := parseNumber(tt.text); err == nil || err.Code != CodeValidation || !strings.Contains(err.Text, tt.says) {
			t.Errorf("parseNumber(%s) = %s, %v, want an error that says %q", tt.text, n, err, tt.says)
		}
	}
}

func TestCompareNumbers(t *testing.T) {
	rising := []string{"-100", "-12", "-1.5", "-1", "-0.05", "0", "0.005", "0.05", "1", "1.05", "1.5", "2", "10", "12", "99", "100", "123"}
	for i, a := range rising {
		for j, b := range rising {
			if got, want := compareNumbers(a, b), cmp.Compare(i, j); got != want {
				t.Errorf("compareNumbers(%s, %s) = %d, want %d", a, b, got, want)
			}
		}
	}
}

// FuzzNumber: what is taken keeps its value, is canonical, and is bounded.
func FuzzNumber(f *testing.F) {
	for _, seed := range []string{"1.50", "-0.0e5", "1E-130", "123456789012345678901234567890.12345678", "9e125", "1e126", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNumber(text)
		if err != nil {
			return
		}
		if mantissa, _, _ := strings.Cut(strings.ToLower(text), "e"); !strings.ContainsAny(mantissa, "123456789") {
			if n.String() != "0" {
				t.Errorf("parseNumber(%q) = %s, want 0", text, n)
			}
			return // its exponent may be beyond big.Rat
		}
		if len(text) > 1000 {
			return // big.Rat would take long
		}
		want, ok := new(big.Rat).SetString(strings.ToLower(text))
		got, also := new(big.Rat).SetString(n.String())
		if !ok || !also || want.Cmp(got) != 0 {
			t.Fatalf("parseNumber(%q) = %s, which is another number", text, n)
		}
		again, err := parseNumber(n.String())
		if err != nil || again != n || n.size() > 22 || len(n.digits) > digitsMax {
			t.Errorf("parseNumber(%q) = %+v, read again %+v, %v", text, n, again, err)
		}
	})
}
