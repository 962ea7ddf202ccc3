package destination

import (
	"crypto/x509"
	"time"
)

const day = 24 * time.Hour

// clockDoubt is how far a clock may be off: within it the provider, which knows AWS's time, judges validity.
const clockDoubt = day

// renewalAhead is how long before its end the service first tries to renew a certificate of this validity, as SAP's page on
// automatic certificate renewal says.
//
// Source: https://github.com/SAP-docs/btp-connectivity
func renewalAhead(validity time.Duration) time.Duration {
	switch days := int(validity / day); {
	case days < 2:
		return 12 * time.Hour
	case days < 15:
		return day
	case days < 32:
		return 3 * day
	case days < 155:
		return 7 * day
	}
	return 30 * day
}

// renewalDue is when the service should renew c.
func renewalDue(c *x509.Certificate) time.Time {
	return c.NotAfter.Add(-renewalAhead(c.NotAfter.Sub(c.NotBefore)))
}

// alarm is how urgent a missing renewal is.
type alarm int

const (
	calm    alarm = iota // before the renewal, or within a day of it
	overdue              // a day past it: automatic renewal is off or does not work
	urgent               // less than a quarter of the time for renewing is left
)

func alarmOf(c *x509.Certificate, now time.Time) alarm {
	due := renewalDue(c)
	switch {
	case now.After(c.NotAfter.Add(-c.NotAfter.Sub(due) / 4)):
		return urgent
	case now.After(due.Add(day)):
		return overdue
	}
	return calm
}

// current is true if c is valid by the local clock.
func current(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// hopeless is the error for a certificate that is out of its validity by more than a clock can be wrong; nil for others.
func hopeless(c *x509.Certificate, now time.Time) *Error {
	switch {
	case now.After(c.NotAfter.Add(clockDoubt)):
		return &Error{Kind: Expired, Op: "read key store", Reason: validity(c)}
	case now.Before(c.NotBefore.Add(-clockDoubt)):
		return &Error{Kind: NotYetValid, Op: "read key store", Reason: validity(c)}
	}
	return nil
}
