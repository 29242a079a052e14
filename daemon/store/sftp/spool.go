//go:build unix

package sftp

import (
	"crypto/rand"
	"net"
	"os"
	"path"
	"path/filepath"
)

// sameMachine reports whether the server runs on the unit: both ends of the connection then have
// the same address.
func sameMachine(conn net.Conn) bool {
	here, ok := conn.LocalAddr().(*net.TCPAddr)
	there, too := conn.RemoteAddr().(*net.TCPAddr)
	return ok && too && here.IP.Equal(there.IP)
}

// isSpool reports whether the server's folder is the unit's own spool: whether a file made in the
// spool is visible on the server. A copy there would be the recording itself, and would be removed
// with it.
func (m *medium) isSpool(spool string) bool {
	name := ".tacet-here-" + rand.Text()
	f, err := os.OpenFile(filepath.Join(spool, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false // nothing can be recorded there either
	}
	f.Close()
	defer os.Remove(f.Name())
	_, err = m.files.Stat(path.Join(m.kind.Path, name))
	return err == nil
}
