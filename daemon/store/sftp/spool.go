//go:build unix

package sftp

import (
	"crypto/rand"
	"net"
	"os"
	"path"
	"path/filepath"
)

// sameMachine reports whether the server runs where the unit does: then both ends of the connection
// have one address.
func sameMachine(conn net.Conn) bool {
	here, ok := conn.LocalAddr().(*net.TCPAddr)
	there, too := conn.RemoteAddr().(*net.TCPAddr)
	return ok && too && here.IP.Equal(there.IP)
}

// isSpool reports whether the folder is the unit's own one of recordings: whether a file that is
// made there shows here. A copy in it would be the recording itself, and would go with it when the
// unit lets go of its own.
func (m *medium) isSpool(spool string) bool {
	name := ".tacet-here-" + rand.Text()
	f, err := os.OpenFile(filepath.Join(spool, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false // nothing is recorded there either
	}
	f.Close()
	defer os.Remove(f.Name())
	_, err = m.files.Stat(path.Join(m.kind.Path, name))
	return err == nil
}
