package provision

import (
	"fmt"
	"slices"
	"strings"
)

// The office's own accounts at the broker. Their passwords are files in passwordsFolder.
const (
	dashboardUser     = "dashboard"     // reads what all units publish
	forgetUser        = "forget"        // empties the topics of a room that is no more
	homeAssistantUser = "homeassistant" // reads, and announces its start

	passwordsFolder = officeFolder + "/mqtt"
)

// officeUsers are the names that no unit may have.
var officeUsers = []string{dashboardUser, forgetUser, homeAssistantUser}

// prefixes are Home Assistant's discovery prefixes, sorted.
func (a forOffice) prefixes() (all []string) {
	for _, m := range a.accounts {
		if p := m.names.HomeAssistant; p != "" && !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	slices.Sort(all)
	return all
}

// rights returns a user's lines in Mosquitto's acl_file.
func rights(user string, topics ...string) string {
	return "\nuser " + user + "\ntopic " + strings.Join(topics, "\ntopic ") + "\n"
}

// own returns the office's accounts with their rights. It makes the passwords that are missing.
func (a forOffice) own(o *out) (accounts []mqttAccount, acl string, err error) {
	var birth, devices []string
	for _, prefix := range a.prefixes() {
		birth = append(birth, "readwrite "+prefix+"/#")
		devices = append(devices, "readwrite "+prefix+"/device/#")
	}
	acl = rights(dashboardUser, "read tacet/#") + rights(forgetUser, append([]string{"readwrite tacet/#"}, devices...)...)
	users := []string{dashboardUser, forgetUser}
	if len(birth) > 0 {
		users = append(users, homeAssistantUser)
		acl += rights(homeAssistantUser, append([]string{"read tacet/#"}, birth...)...)
	}
	keep := map[string]bool{}
	for _, user := range users {
		password, err := o.keep(passwordsFolder+"/"+user, func() ([]byte, error) { return newPassword(), nil })
		if err != nil {
			return nil, "", fmt.Errorf("the password of %s: %w", user, err)
		}
		keep[user] = true
		accounts = append(accounts, mqttAccount{user: user, password: strings.TrimRight(string(password), "\r\n")})
	}
	return accounts, acl, o.only(passwordsFolder, keep)
}
