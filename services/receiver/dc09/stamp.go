package dc09

import "time"

const stampLayout = "15:04:05,01-02-2006"

const msPerDay = 24 * 60 * 60 * 1000

// ParseStamp reads HH:MM:SS,MM-DD-YYYY, UTC, as Unix ms. It reads by hand: the
// comma would begin a fraction of a second for time.Parse.
func ParseStamp(b []byte) (int64, bool) {
	if len(b) != len(stampLayout) || b[2] != ':' || b[5] != ':' || b[8] != ',' || b[11] != '-' || b[14] != '-' {
		return 0, false
	}
	var v [6]int
	for i, at := range [...][2]int{{0, 2}, {3, 5}, {6, 8}, {9, 11}, {12, 14}, {15, 19}} {
		n, ok := parseDecimal(b[at[0]:at[1]])
		if !ok {
			return 0, false
		}
		v[i] = int(n)
	}
	hour, minute, second, month, day, year := v[0], v[1], v[2], v[3], v[4], v[5]
	if hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1 || day > daysIn(month, year) {
		return 0, false
	}
	seconds := hour*3600 + minute*60 + second
	return daysSince1970(year, month, day)*msPerDay + int64(seconds)*1000, true
}

func daysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts from March on, so that the leap day comes last: a year has
// 365 days and its leap days, and the months from March are 153 days for each five.
// time.Date does the same and more, at several times the cost.
func daysSince1970(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	year += 400 // keeps the division below zero away in the year 0
	days := 365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1
	const of1970 = 719468 + 146097 // from the March of year -400 to 1970-01-01
	return int64(days - of1970)
}

// AppendStamp writes Unix ms as HH:MM:SS,MM-DD-YYYY, UTC.
func AppendStamp(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, stampLayout)
}
