package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newRegistry is an image registry in memory.
func newRegistry() http.Handler {
	return registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
}

// roots is where Debian keeps the CA certificates of this machine; images without them work with the stand-in too.
const roots = "/etc/ssl/certs/ca-certificates.crt"

// pushBase puts a distroless-like base image for amd64 and arm64 at ref.
func pushBase(ctx context.Context, ref string) error {
	content, err := baseLayer()
	if err != nil {
		return err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil })
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, architecture := range []string{"amd64", "arm64"} {
		image, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
			&v1.ConfigFile{OS: "linux", Architecture: architecture, Config: v1.Config{User: "65532"}})
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
	r, err := name.ParseReference(ref)
	if err != nil {
		return err
	}
	return remote.WriteIndex(r, index, remote.WithContext(ctx))
}

// baseLayer is a tar file of the base's files.
func baseLayer() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	file := func(name string, text []byte) error {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))})
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	}
	err := file("etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"))
	if text, missing := os.ReadFile(roots); missing == nil {
		err = errors.Join(err, file(roots[1:], text))
	}
	err = errors.Join(err, w.WriteHeader(&tar.Header{Name: "tmp/", Mode: 0o1777, Typeflag: tar.TypeDir}), w.Close())
	return b.Bytes(), err
}

// unpack pulls an image into a folder, which it empties.
func unpack(ctx context.Context, ref, folder string) (config *v1.Config, err error) {
	r, err := name.ParseReference(ref)
	if err != nil {
		return nil, err
	}
	image, err := remote.Image(r, remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	files := mutate.Extract(image)
	defer func() { err = errors.Join(err, files.Close()) }()
	for t := tar.NewReader(files); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return &file.Config, nil
		}
		if err == nil {
			err = extract(t, h, filepath.Join(folder, filepath.Clean("/"+h.Name)))
		}
		if err != nil {
			return nil, err
		}
	}
}

func extract(t io.Reader, h *tar.Header, path string) error {
	switch h.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(path, 0o755); err != nil { //nolint:gosec // the pod's user gets in
			return err
		}
		if strings.Trim(h.Name, "./") == "tmp" {
			return os.Chmod(path, 0o777|os.ModeSticky)
		}
	case tar.TypeReg:
		text, err := io.ReadAll(t)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as above
			return err
		}
		return os.WriteFile(path, text, h.FileInfo().Mode().Perm())
	}
	return nil
}
