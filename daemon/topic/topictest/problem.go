package topictest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// problemTemplate matches the one Jinja template that Problem knows: what is left of the alerts,
// without those in a list, is a problem.
var problemTemplate = regexp.MustCompile(`^\{\{ 'ON' if value_json\.alerts\.split\(','\) \| ` +
	`reject\('in', \[('[^'\\]*'(?:, '[^'\\]*')*)\]\) \| list else 'OFF' \}\}$`)

// Problem evaluates the template of the sensor "problem" as Home Assistant does, for a state with
// these alerts. It returns ON or OFF.
func Problem(template, alerts string) (string, error) {
	m := problemTemplate.FindStringSubmatch(template)
	if m == nil {
		return "", fmt.Errorf("this is not the template that the test knows: %s", template)
	}
	rejected := strings.Split(m[1][1:len(m[1])-1], "', '")
	for alert := range strings.SplitSeq(alerts, ",") { // as Python's: of "" it makes one, empty
		if !slices.Contains(rejected, alert) {
			return "ON", nil
		}
	}
	return "OFF", nil
}
