package rawjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// IsString reports whether the value is a string token.
func IsString(value []byte) bool { return len(value) > 0 && value[0] == '"' }

// String is the text of a string token that [Object], [Array] or [Pointer] yielded. It is false if the token is none, or
// names half of a surrogate pair, which no text can hold.
func String(token []byte) (string, bool) {
	if len(token) < 2 || !IsString(token) {
		return "", false
	}
	in := token[1 : len(token)-1]
	i := plain(in, 0)
	if i == len(in) {
		return string(in), true
	}
	out := make([]byte, 0, len(in))
	for start := 0; ; {
		out = append(out, in[start:i]...)
		if i >= len(in) {
			return string(out), true
		}
		n := escape(in, i)
		if n < 0 {
			return "", false
		}
		if n == 2 {
			out = append(out, unescaped(in[i+1]))
		} else {
			r := hex4(in[i+2 : i+6])
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+12 <= len(in) && in[i+6] == '\\' && in[i+7] == 'u' {
					low = hex4(in[i+8 : i+12])
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					return "", false
				}
				n = 12
			}
			out = utf8.AppendRune(out, r)
		}
		start = i + n
		i = plain(in, start)
	}
}

// unescaped is the byte that a backslash and c stand for.
func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hex4 is the number that four hexadecimal digits write, -1 if one is none.
func hex4(b []byte) rune {
	var r rune
	for _, c := range b[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// AppendString appends s to dst as a JSON string. It escapes what JSON requires and nothing else, so < and & stay as they
// are; a byte that is not UTF-8 becomes U+FFFD.
func AppendString(dst []byte, s string) []byte {
	const hexDigits = "0123456789abcdef"
	if !utf8.ValidString(s) {
		s = string([]rune(s))
	}
	dst = append(dst, '"')
	for start := 0; ; {
		i := plain(s, start)
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			return append(dst, '"')
		}
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
}
