package alarm

// What one site, or one partition, may accumulate. Each bound says what happens
// beyond it; all are part of FoldVersion.
const (
	// maxPaths bounds the supervised paths of a site: EN 50136 knows two, some
	// panels four. What a ninth says counts, but the path is not supervised.
	maxPaths = 8
	// maxAreas bounds the areas of a site; further ones are not tracked.
	maxAreas = 64
	// maxOpenZones bounds the open zones listed; further ones still alarm.
	maxOpenZones = 256
	// maxInhibited bounds the inhibited zones remembered; the oldest goes.
	maxInhibited = 128
	// maxEarlyRestores bounds restores that wait for their alarm; the oldest goes.
	maxEarlyRestores = 16
	// maxRemembered bounds the messages remembered to recognise a
	// retransmission; beyond, the oldest is forgotten and would alarm anew.
	maxRemembered = 64
	// maxCounters bounds the panels (accounts) of a site whose sequence is followed.
	maxCounters = 8
	// maxActs bounds the persons' acts remembered; beyond, the oldest is forgotten.
	maxActs = 256
	// maxEvidence bounds the event ids that a detection or an incident carries.
	maxEvidence = 32
	// maxIncidentActs bounds the acts that an incident shows, newest kept.
	maxIncidentActs = 64
	// maxIncidentPoints bounds the points an incident remembers to know a new zone.
	maxIncidentPoints = 64
	// maxClosedIncidents bounds the closed incidents told apart from unknown ones.
	maxClosedIncidents = 8
	// maxStormAlarms bounds a storm's threshold and thus the alarms remembered.
	maxStormAlarms = 64
	// maxDeclaration bounds a site's declaration, in encoded bytes; a larger one is refused.
	maxDeclaration = 64 << 10
	// maxMissedOpenings bounds the policy's figure.
	maxMissedOpenings = 31
	// maxGroups, maxClasses and maxReceivers bound names per partition; further
	// ones count as the unnamed group, the default class, an unknown receiver.
	maxGroups    = 1024
	maxClasses   = 1024
	maxReceivers = 4096
	// maxFirings bounds the civil timers that fire before one event.
	maxFirings = 4096
	// maxDegraded is how often the fold may fail on sites before the partition stops.
	maxDegraded = 1000
	// siteNumbers is above every site's number (design decision 27).
	siteNumbers uint64 = 1 << 53
	// maxVisits bounds announced visits, and maxConsignes consignes: one more is
	// refused until some have ended. maxSteps bounds the steps of a consigne.
	maxVisits    = 16
	maxConsignes = 32
	maxSteps     = 16
	// maxConsigneText bounds a consigne's sealed text, in encoded bytes; a longer one
	// is refused: each state of the site carries it.
	maxConsigneText = 10 << 10
	// maxCalls bounds the calls that wait or run at once, in the whole centre; one
	// more is refused until some have ended.
	maxCalls = 1024
	// maxRunawayAlarms bounds that figure of the policy, maxZonesWatched the zones
	// remembered for it and for chatter; beyond, the oldest is forgotten.
	maxRunawayAlarms = 16
	maxZonesWatched  = 64
	// maxFlapChanges bounds that figure of the policy.
	maxFlapChanges = 16
	// maxTests bounds the tests remembered and thus the policy's figure; maxTested
	// the zones, areas and classes that one names.
	maxTests  = 16
	maxTested = 256
	// maxZoneFacts bounds the declared zones whose facts are known; an alarm of one
	// beyond confirms nothing.
	maxZoneFacts = 512
	// maxTallied bounds the groups that a partition counts by; a site of a further
	// one counts with all alone.
	maxTallied = 16_384
	// maxCarriers bounds their names; those beyond have none.
	maxCarriers = 1024
	// maxExposed bounds the sites of each risk that a tick names in a group.
	maxExposed = 16
	// maxPeople bounds those whose incidents are counted; beyond, they are not.
	maxPeople = 1024
	// maxMasses bounds the masses known; the one that ended first is forgotten, and
	// its sites are given back.
	maxMasses = 256
	// maxText bounds a name taken from a panel (zone, area, user, account), in bytes.
	maxText = 64
)

// actMemoryMS is how long a person's act is remembered to recognise a repeat
// (design decision 4).
const actMemoryMS = 24 * hour

const (
	second int64 = 1000
	minute       = 60 * second
	hour         = 60 * minute
	day          = 24 * hour
)

// appendCapped appends and, past the bound, forgets the oldest.
func appendCapped[T any](list []T, item T, bound int) []T {
	if len(list) >= bound {
		n := copy(list, list[len(list)-bound+1:])
		list = list[:n]
	}
	return append(list, item)
}

// slideCapped is appendCapped for a list that states share: what stands in it is never
// moved or changed, so that a copy of the state needs none of the list.
func slideCapped[T any](list []T, item T, bound int) []T {
	list = list[max(0, len(list)-bound+1):]
	if len(list) == cap(list) {
		list = append(make([]T, 0, len(list)+len(list)/2+2), list...)
	}
	return append(list, item)
}

// clip cuts a name to maxText bytes.
func clip(s string) string {
	if len(s) > maxText {
		return s[:maxText]
	}
	return s
}
