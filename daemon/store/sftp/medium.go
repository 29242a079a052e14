//go:build unix

package sftp

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/stall"
)

// medium is a connection to the server, until it ends.
type medium struct {
	kind  Kind
	conn  *stall.Conn
	files *sftp.Client
	gone  chan struct{} // closed when the connection has ended
}

var _ store.Folder = (*medium)(nil)

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
		return m.conn.Stalled()
	}
}

// little is what is too little room: no more than one write of the follower's.
const little = 4 << 20

// Check looks at the connection, and then asks the server about the folder and its disk.
func (m *medium) Check(cause error) error {
	if m.lost() || errors.Is(cause, sftp.ErrSSHFxConnectionLost) {
		return m.ended()
	}
	defer m.conn.Await()()
	info, err := m.files.Stat(m.kind.Path)
	switch {
	case m.lost():
		return m.ended()
	case err != nil || !info.IsDir():
		return m.noFolder(err)
	case errors.Is(cause, fs.ErrPermission):
		return &store.Trouble{Code: health.StoreReadOnly, Err: fmt.Errorf("the user %q may not write there on the server, in %s: %w",
			m.kind.User, m.kind.Path, cause)}
	}
	disk, err := m.files.StatVFS(m.kind.Path)
	switch {
	case m.lost():
		return m.ended()
	case err != nil: // the server can't be asked
		return nil
	case disk.Flag&readOnly != 0:
		return &store.Trouble{Code: health.StoreReadOnly, Err: fmt.Errorf("%s is on a disk that the server can only read", m.kind.Path)}
	case failed(cause) && (disk.Bavail*disk.Frsize < little || disk.Files > 0 && disk.Favail == 0):
		return &store.Trouble{Code: health.StoreFull, Err: fmt.Errorf("the server's disk with %s is full: %w", m.kind.Path, cause)}
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

func (m *medium) ended() error {
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
		return &store.Trouble{Code: health.StoreReadOnly, Err: fmt.Errorf("the user %q may not enter %s on the SFTP server %s", m.kind.User, path, m.kind.Addr)}
	case !answer(err): // the connection ends, and nobody has been told yet
		return m.ended()
	default:
		err = fmt.Errorf("the folder %s on the SFTP server %s: %w", path, m.kind.Addr, err)
	}
	return &store.Trouble{Code: health.StoreError, Err: err}
}

// ReadBack reads a copy from the server.
func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	f, err := m.FS().Open(name)
	if err != nil {
		return nil, err
	}
	return readAhead(f), nil
}
