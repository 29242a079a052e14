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
		_ = client.Wait() // why it ended is told by what fails
		_ = files.Wait()
		close(m.gone)
	}()
	return m
}

func (m *medium) ID() string { return "sftp://" + m.kind.User + "@" + m.kind.Addr + m.kind.Path }

// Abort drops the connection: all that is under way fails at once.
func (m *medium) Abort() { m.conn.Close() }

func (m *medium) Close() error {
	err := m.conn.Close()
	<-m.gone
	if errors.Is(err, net.ErrClosed) { // aborted, or ended by itself
		return nil
	}
	return err
}

func (m *medium) FS() durable.FS { return folder{m} }

// lost says whether the connection has ended.
func (m *medium) lost() bool {
	select {
	case <-m.gone:
		return true
	default:
		return m.conn.Stalled() || m.conn.Flooded()
	}
}

// little is what is too little room: no more than one write of the follower's.
const little = 4 << 20

// there looks for the folder. A server may keep to itself what is a folder and what is none.
func (m *medium) there() error {
	info, err := m.files.Stat(m.kind.Path)
	if err != nil || !info.IsDir() && known(info) {
		return m.noFolder(err)
	}
	return nil
}

// known reports whether the server said what kind of thing something is.
func known(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*sftp.FileStat)
	const kinds = 0o170000
	return !ok || stat.Mode&kinds != 0
}

// has reports whether the server offers an extension.
func (m *medium) has(extension string) bool {
	_, ok := m.files.HasExtension(extension)
	return ok
}

// disk asks about the disk with a folder. errors.ErrUnsupported: the server can't tell.
func (m *medium) disk(at string) (*sftp.StatVFS, error) {
	if !m.has("statvfs@openssh.com") {
		return nil, errors.ErrUnsupported
	}
	return m.files.StatVFS(at)
}

// room is what a disk has free, and in all. ok is false where the server's numbers tell nothing.
func room(disk *sftp.StatVFS) (free, total int64, ok bool) {
	block := cmp.Or(disk.Frsize, disk.Bsize)
	return durable.Bytes(disk.Bavail, block), durable.Bytes(disk.Blocks, block), block > 0 && disk.Blocks > 0
}

// Limits says what the server can't do, and what follows from it.
func (m *medium) Limits() (all []string) {
	if version, _ := m.files.HasExtension("fsync@openssh.com"); version != "1" {
		all = append(all, "the server can't be asked to sync (fsync@openssh.com): what it has taken may be lost when its power fails")
	}
	if !m.has("posix-rename@openssh.com") {
		all = append(all, "the server can't replace a file in one step (posix-rename@openssh.com): a copy that has to be made anew is removed first")
	}
	return all
}

// Check looks at the connection, and then asks the server about the folder and its disk.
func (m *medium) Check(cause error) error {
	if m.lost() || errors.Is(cause, sftp.ErrSSHFxConnectionLost) {
		return m.ended()
	}
	defer m.conn.Await()()
	switch err := m.there(); {
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
	if err != nil { // the server can't be asked
		disk = &sftp.StatVFS{}
	}
	free, _, told := room(disk)
	switch {
	case disk.Flag&readOnly != 0:
		return &store.Trouble{Code: health.StoreReadOnly,
			Err: fmt.Errorf("%s is on a disk that the server can only read", m.kind.Path)}
	case saysFull(cause), failed(cause) && told && (free < little || disk.Files > 0 && disk.Favail == 0):
		return &store.Trouble{Code: health.StoreFull,
			Err: fmt.Errorf("the server's disk with %s is full: %w", m.kind.Path, cause)}
	}
	return nil
}

// readOnly is SSH_FXE_STATVFS_ST_RDONLY.
const readOnly = 1

// answer tells what a server says from what becomes of a connection.
func answer(err error) bool { return errors.As(err, new(*sftp.StatusError)) }

// failed tells SFTP's one code for all that can go wrong on a disk.
func failed(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxFailure
}

// saysFull tells the codes that later versions of SFTP have for a full disk, and the texts of
// servers that speak of it.
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

// unsupported tells that the server knows no such request, or not in this form.
func unsupported(err error) bool {
	var status *sftp.StatusError
	return errors.As(err, &status) &&
		(status.FxCode() == sftp.ErrSSHFxOpUnsupported || status.FxCode() == sftp.ErrSSHFxBadMessage)
}

func (m *medium) ended() error {
	if m.conn.Flooded() {
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the SFTP server %s sends without end what nobody asked for; it was not listened to any longer",
				m.kind.Addr)}
	}
	what := errors.New("the connection to the SFTP server " + m.kind.Addr + " was lost")
	if m.conn.Stalled() {
		what = fmt.Errorf("the SFTP server %s has stopped answering", m.kind.Addr)
	}
	return &store.Trouble{Code: health.StoreMissing, Err: what}
}

// noFolder says what is wrong with the folder; err is nil where it is not one.
func (m *medium) noFolder(err error) error {
	path := m.kind.Path
	switch {
	case m.lost() || errors.Is(err, sftp.ErrSSHFxConnectionLost):
		return m.ended()
	case errors.Is(err, fs.ErrNotExist):
		err = fmt.Errorf("the folder %s is not on the SFTP server %s; make it, for the user %q (in a chroot the path begins there)",
			path, m.kind.Addr, m.kind.User)
	case err == nil:
		err = fmt.Errorf("%s on the SFTP server %s is not a folder", path, m.kind.Addr)
	case errors.Is(err, fs.ErrPermission):
		return &store.Trouble{Code: health.StoreReadOnly,
			Err: fmt.Errorf("the user %q may not enter %s on the SFTP server %s", m.kind.User, path, m.kind.Addr)}
	case !answer(err): // the connection ends, and nobody has been told yet
		return m.ended()
	default:
		err = fmt.Errorf("the folder %s on the SFTP server %s: %w", path, m.kind.Addr, err)
	}
	return &store.Trouble{Code: health.StoreError, Err: err}
}

// ReadBack reads a copy from the server. It keeps four requests under way, so that the server is never
// idle.
func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	f, err := m.FS().Open(name)
	if err != nil {
		return nil, err
	}
	const size = 512 << 10
	return readahead.NewReader(f, nil, make([]byte, size), make([]byte, size), make([]byte, size), make([]byte, size)), nil
}
