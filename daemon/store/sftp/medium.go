//go:build unix

package sftp

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/readahead"
	"tacet/daemon/store/stall"
)

// medium is a connection to the server, until it ends.
type medium struct {
	kind  Kind
	conn  *stall.Conn
	files *sftp.Client
	gone  chan struct{} // closed when the connection has ended

	writeOnly atomic.Bool // the server refuses to open a file for reading and writing
}

var (
	_ store.Folder  = (*medium)(nil)
	_ store.Limited = (*medium)(nil)
)

func newMedium(k Kind, conn *stall.Conn, client *ssh.Client, files *sftp.Client) *medium {
	m := &medium{kind: k, conn: conn, files: files, gone: make(chan struct{})}
	go func() {
		_ = client.Wait() // whatever fails reports the reason
		_ = files.Wait()
		close(m.gone)
	}()
	return m
}

func (m *medium) ID() string { return "sftp://" + m.kind.User + "@" + m.kind.Addr + m.kind.Path }

// Abort drops the connection: everything in progress fails at once.
func (m *medium) Abort() { m.conn.Close() }

func (m *medium) Close() error {
	err := m.conn.Close()
	<-m.gone
	if errors.Is(err, net.ErrClosed) { // aborted, or already ended
		return nil
	}
	return err
}

func (m *medium) FS() durable.FS { return folder{m} }

// lost reports whether the connection has ended.
func (m *medium) lost() bool {
	select {
	case <-m.gone:
		return true
	default:
		return m.conn.Stalled() || m.conn.Flooded()
	}
}

// fullMargin is the free space that counts as full, in bytes: the follower's largest write.
const fullMargin = 4 << 20

// checkFolder checks that the folder is there. Some servers don't report file types.
func (m *medium) checkFolder() error {
	info, err := m.files.Stat(m.kind.Path)
	if err != nil || !info.IsDir() && hasType(info) {
		return m.noFolder(err)
	}
	return nil
}

// hasType reports whether the server reported the type of a file.
func hasType(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*sftp.FileStat)
	const kinds = 0o170000
	return !ok || stat.Mode&kinds != 0
}

// has reports whether the server offers an extension.
func (m *medium) has(extension string) bool {
	_, ok := m.files.HasExtension(extension)
	return ok
}

// disk returns the state of the disk with a folder, or errors.ErrUnsupported.
func (m *medium) disk(at string) (*sftp.StatVFS, error) {
	if !m.has("statvfs@openssh.com") {
		return nil, errors.ErrUnsupported
	}
	return m.files.StatVFS(at)
}

// diskSpace returns a disk's free space and size. ok is false if the server's numbers make no
// sense.
func diskSpace(disk *sftp.StatVFS) (free, total int64, ok bool) {
	block := cmp.Or(disk.Frsize, disk.Bsize)
	return durable.Bytes(disk.Bavail, block), durable.Bytes(disk.Blocks, block), block > 0 && disk.Blocks > 0
}

// Limits returns what the server can't do, and what follows from it.
func (m *medium) Limits() (all []string) {
	if version, _ := m.files.HasExtension("fsync@openssh.com"); version != "1" {
		all = append(all, "the server can't sync on request (fsync@openssh.com): what it has received may be lost when "+
			"its power fails")
	}
	if !m.has("posix-rename@openssh.com") {
		all = append(all, "the server can't replace a file in one step (posix-rename@openssh.com): a copy that must be "+
			"replaced is removed first")
	}
	return all
}

// Check checks the connection, then asks the server about the folder and its disk.
func (m *medium) Check(cause error) error {
	if m.lost() || errors.Is(cause, sftp.ErrSSHFxConnectionLost) {
		return m.ended()
	}
	defer m.conn.Await()()
	switch err := m.checkFolder(); {
	case m.lost():
		return m.ended()
	case err != nil:
		return err
	case errors.Is(cause, fs.ErrPermission):
		return &store.Trouble{Code: health.StoreReadOnly,
			Err: fmt.Errorf("the user %q may not write there on the server, in %s: %w",
				m.kind.User, m.kind.Path, cause)}
	}
	disk, err := m.disk(m.kind.Path)
	if m.lost() {
		return m.ended()
	}
	if err != nil { // the server doesn't know
		disk = &sftp.StatVFS{}
	}
	free, _, known := diskSpace(disk)
	switch {
	case disk.Flag&readOnly != 0:
		return &store.Trouble{Code: health.StoreReadOnly,
			Err: fmt.Errorf("%s is on a disk that the server can only read", m.kind.Path)}
	case saysFull(cause), failed(cause) && known && (free < fullMargin || disk.Files > 0 && disk.Favail == 0):
		return &store.Trouble{Code: health.StoreFull,
			Err: fmt.Errorf("the server's disk with %s is full: %w", m.kind.Path, cause)}
	}
	return nil
}

// readOnly is SSH_FXE_STATVFS_ST_RDONLY.
const readOnly = 1

// isStatus reports whether an error is a server's answer, rather than the connection's.
func isStatus(err error) bool { return errors.As(err, new(*sftp.StatusError)) }

// failed reports whether an error is SFTP's one code for all disk errors.
func failed(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure
}

// saysFull reports whether an error has one of the codes of later SFTP versions for a full disk, or
// a text that mentions it.
func saysFull(err error) bool {
	var status *sftp.StatusError
	if !errors.As(err, &status) {
		return false
	}
	const noSpace, quota = 14, 15 // SSH_FX_NO_SPACE_ON_FILESYSTEM, SSH_FX_QUOTA_EXCEEDED
	text := strings.ToLower(status.Error())
	return status.Code == noSpace || status.Code == quota ||
		slices.ContainsFunc([]string{"no space", "disk full", "quota"},
			func(s string) bool { return strings.Contains(text, s) })
}

// unsupported reports whether an error means that the server doesn't know a request in this form.
func unsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) &&
		(status.FxCode() == sftp.ErrSSHFxOpUnsupported || status.FxCode() == sftp.ErrSSHFxBadMessage)
}

func (m *medium) ended() error {
	if m.conn.Flooded() {
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the SFTP server %s keeps sending data that was not requested; the connection was closed",
				m.kind.Addr)}
	}
	what := errors.New("the connection to the SFTP server " + m.kind.Addr + " was lost")
	if m.conn.Stalled() {
		what = fmt.Errorf("the SFTP server %s has stopped answering", m.kind.Addr)
	}
	return &store.Trouble{Code: health.StoreMissing, Err: what}
}

// noFolder explains what is wrong with the folder. err is nil if it is not a folder.
func (m *medium) noFolder(err error) error {
	path := m.kind.Path
	switch {
	case m.lost() || errors.Is(err, sftp.ErrSSHFxConnectionLost):
		return m.ended()
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("the folder %s doesn't exist on the SFTP server %s; make it, for the user %q (in a chroot the "+
			"path starts there)",
			path, m.kind.Addr, m.kind.User)
	case err == nil:
		err = fmt.Errorf("%s on the SFTP server %s is not a folder", path, m.kind.Addr)
	case errors.Is(err, fs.ErrPermission):
		return &store.Trouble{Code: health.StoreReadOnly,
			Err: fmt.Errorf("the user %q may not enter %s on the SFTP server %s", m.kind.User, path, m.kind.Addr)}
	case !isStatus(err): // the connection is about to end
		return m.ended()
	default:
		err = fmt.Errorf("the folder %s on the SFTP server %s: %w", path, m.kind.Addr, err)
	}
	return &store.Trouble{Code: health.StoreError, Err: err}
}

// ReadBack reads a copy from the server. It keeps four requests under way, so that the server is
// never idle.
func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	f, err := m.FS().Open(name)
	if err != nil {
		return nil, err
	}
	const size = 512 << 10
	return readahead.NewReader(f, nil, make([]byte, size), make([]byte, size), make([]byte, size), make([]byte, size)), nil
}
