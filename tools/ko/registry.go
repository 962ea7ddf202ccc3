package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// What the base has, as functions/Dockerfile makes it.
const (
	caPath = "etc/ssl/certs/ca-certificates.crt"
	user   = "65532:65532"
)

// local is an image registry in memory, on the loopback interface, that holds the base.
type local struct {
	address string
	server  *http.Server
	serving sync.WaitGroup
}

// startRegistry starts it and puts the base in.
func startRegistry(ctx context.Context) (*local, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)) //nolint:forbidigo // what it takes
	l := &local{address: listener.Addr().String(), server: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
	l.serving.Go(func() { _ = l.server.Serve(listener) })
	if err := pushBase(ctx, l.base()); err != nil {
		return nil, errors.Join(fmt.Errorf("make the base image: %w", err), l.close())
	}
	return l, nil
}

func (l *local) base() string { return l.address + "/base" }

// alias is the registry's name for ko, which writes the base's name into every image: with its address, which is another one
// each time, no two builds would be the same.
const alias = "trustbridge.local"

// flags and environment have ko use the registry under its alias: without TLS, and by way of an HTTP proxy, which it is itself.
func (l *local) flags() []string { return []string{"--insecure-registry"} }

func (l *local) environment() []string {
	return []string{"KO_DOCKER_REPO=" + alias, "KO_DEFAULTBASEIMAGE=" + alias + "/base", "HTTP_PROXY=http://" + l.address, "http_proxy=http://" + l.address}
}

// reach is the reference by which an image of the registry is reached without that proxy.
func (l *local) reach(image string) string { return strings.Replace(image, alias, l.address, 1) }

func (l *local) close() error {
	err := l.server.Close()
	l.serving.Wait()
	return err
}

// pushBase puts the base for both architectures under ref: this machine's CA certificates, and a user without rights.
func pushBase(ctx context.Context, ref string) error {
	ca, err := os.ReadFile("/" + caPath)
	if err != nil {
		return fmt.Errorf("%w; install the CA certificates (Debian: ca-certificates)", err)
	}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: caPath, Mode: 0o644, Size: int64(len(ca))}); err != nil {
		return err
	}
	if _, err := w.Write(ca); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		image, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
			&v1.ConfigFile{OS: "linux", Architecture: architecture, Config: v1.Config{User: user}})
		if err != nil {
			return err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: architecture}},
		})
	}
	reference, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	return remote.WriteIndex(reference, index, remote.WithContext(ctx))
}
