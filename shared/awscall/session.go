package awscall

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Session is the credentials that calls are signed with, and the way to give them up when AWS no longer takes them.
type Session struct {
	cache  *aws.CredentialsCache
	reject func(accessKeyID string)
}

// NewSession returns the session of a provider, cached as the SDK caches credentials. reject tells the provider that AWS
// refused the credentials with that key id, so that it gets others.
func NewSession(provider aws.CredentialsProvider, reject func(accessKeyID string)) *Session {
	return &Session{cache: aws.NewCredentialsCache(provider), reject: reject}
}

// Credentials is what goes into the AWS configuration.
func (s *Session) Credentials() aws.CredentialsProvider { return s.cache }

// RetryExpired adds one case to the SDK's retries, which it does not have: when AWS says that the session is expired or
// unknown, the credentials are dropped and the call is made once more with others. It is an API option of a service client.
func (s *Session) RetryExpired(stack *middleware.Stack) error {
	return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("TrustbridgeRetryExpired", s.handle), "Retry", middleware.Before)
}

func (s *Session) handle(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	used, credentialsErr := s.cache.Retrieve(ctx)
	out, metadata, err := next.HandleFinalize(ctx, in)
	if credentialsErr != nil || !Expired(err) {
		return out, metadata, err
	}
	s.reject(used.AccessKeyID)
	if now, err := s.cache.Retrieve(ctx); err == nil && now.AccessKeyID == used.AccessKeyID {
		s.cache.Invalidate()
	}
	if request, ok := in.Request.(interface{ RewindStream() error }); ok {
		if rewindErr := request.RewindStream(); rewindErr != nil {
			return out, metadata, err
		}
	}
	return next.HandleFinalize(ctx, in)
}

// Expired tells whether err is AWS saying that it does not take the session any more.
// Source: https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
func Expired(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException":
		return true
	}
	return false
}
