package trial

import (
	"context"
	"fmt"

	"tacet/daemon/update"
)

// Again lets the installed version be tried again, although it has failed.
func (r *Runner) Again(ctx context.Context) (version string, err error) {
	r.prepare()
	if version, err = update.Installed(r.Installed); err != nil {
		return "", err
	}
	r.remember()
	// The drop-in goes first: it would bring back the entry.
	failed, err := r.dropIn().read()
	if err != nil {
		return "", err
	}
	if r.state.Find(version) == nil && (failed == nil || failed.Version != version) {
		return "", fmt.Errorf("version %s has not failed", version)
	}
	if err := r.dropIn().remove(); err != nil {
		return "", err
	}
	r.state.Forget(version)
	r.state.Trial, r.state.Returning = nil, false
	if err := r.store(); err != nil {
		return "", err
	}
	return version, r.Service.Reload(ctx)
}
