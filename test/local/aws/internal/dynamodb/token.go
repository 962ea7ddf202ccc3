package dynamodb

import (
	"fmt"
	"strings"
)

// expressionBytesMax is the longest expression.
// Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
const expressionBytesMax = 4096

// token is a piece of an expression.
type token struct {
	text       string // "" at the end
	start, end int
}

// keyword is the token as a keyword, which may be written in any case.
func (t token) keyword() string { return strings.ToUpper(t.text) }

// parser reads an expression's tokens one by one. Its methods stop at the first problem by panicking with a problem, which
// [parse] catches: a descent through so many levels would else be mostly error handling.
type parser struct {
	text   string
	tokens []token
	at     int
	subs   *Substitutions
	nodes  int
}

// problem is what is wrong with an expression, in AWS's words.
type problem string

// parse runs read over the whole of an expression. what is the parameter that holds it.
func parse[T any](what, text string, subs *Substitutions, read func(*parser) T) (result T, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, ok := r.(problem)
			if !ok {
				panic(r)
			}
			err = invalid("Invalid %s: %s", what, string(p))
		}
	}()
	if strings.TrimSpace(text) == "" {
		return result, invalid("Invalid %s: The expression can not be empty;", what)
	}
	if len(text) > expressionBytesMax {
		return result, invalid("Invalid %s: Expression size has exceeded the maximum allowed size; expression size: %d", what, len(text))
	}
	p := &parser{text: text, subs: subs}
	p.split()
	result = read(p)
	if p.peek().text != "" {
		p.syntax()
	}
	return result, nil
}

func fail(format string, args ...any) { panic(problem(fmt.Sprintf(format, args...))) }

// split makes the tokens: words, which may begin with # or :, comparators and single characters.
func (p *parser) split() {
	for i := 0; i < len(p.text); {
		c := p.text[i]
		if strings.IndexByte(" \t\r\n", c) >= 0 {
			i++
			continue
		}
		end := i + 1
		switch {
		case c == '#' || c == ':' || wordByte(c):
			for end < len(p.text) && wordByte(p.text[end]) {
				end++
			}
		case c == '<' && end < len(p.text) && (p.text[end] == '=' || p.text[end] == '>'), c == '>' && end < len(p.text) && p.text[end] == '=':
			end++
		}
		p.tokens = append(p.tokens, token{p.text[i:end], i, end})
		i = end
	}
	p.tokens = append(p.tokens, token{start: len(p.text), end: len(p.text)})
}

func wordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

// take reads a token if it is that one; keywords in any case.
func (p *parser) take(text string) bool {
	if p.peek().keyword() != text {
		return false
	}
	p.next()
	return true
}

// want reads a token that must be that one.
func (p *parser) want(text string) {
	if !p.take(text) {
		p.syntax()
	}
}

// syntax complains of the present token.
func (p *parser) syntax() {
	t := p.peek()
	from, to := t.start, t.end
	if p.at > 0 {
		from = p.tokens[p.at-1].start
	}
	if p.at < len(p.tokens)-1 {
		to = p.tokens[p.at+1].end
	}
	text := t.text
	if text == "" {
		text = "<EOF>"
	}
	fail("Syntax error; token: \"%s\", near: \"%s\"", text, p.text[from:to])
}

// step is a part of a document path: a member's name, or an element's index.
type step struct {
	name  string
	index int // if name is ""
}

// path reads a document path whose names are all substituted.
func (p *parser) path() []step {
	steps := []step{{name: p.pathName()}}
	for {
		switch {
		case p.take("."):
			steps = append(steps, step{name: p.pathName()})
		case p.take("["):
			index := 0
			t := p.next()
			if _, err := fmt.Sscanf(t.text, "%d", &index); err != nil || fmt.Sprint(index) != t.text {
				p.at--
				p.syntax()
			}
			steps = append(steps, step{index: index})
			p.want("]")
		default:
			return steps
		}
	}
}

func (p *parser) pathName() string {
	t := p.peek()
	if !strings.HasPrefix(t.text, "#") || len(t.text) < 2 {
		if t.text == "" || !wordByte(t.text[0]) {
			p.syntax()
		}
		fail("stand-in: attribute name %s must be written as #name, for it may be a reserved word", t.text)
	}
	p.next()
	name, there := p.subs.name(t.text)
	if !there {
		fail("An expression attribute name used in the document path is not defined; attribute name: %s", t.text)
	}
	return name
}

// literal reads a substituted value.
func (p *parser) literal() Value {
	t := p.next()
	v, there := p.subs.value(t.text)
	if !there {
		fail("An expression attribute value used in expression is not defined; attribute value: %s", t.text)
	}
	return v
}
