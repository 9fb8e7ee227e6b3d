/// A part of a date that the time modifiers compare.
enum DatePart: String, Hashable, Sendable {
    case minute, hour, day, week, month, year

    /// The part of a date in ISO 8601 text (`2024-05-01`, `2024-05-01T12:30:00Z`, a space for the T), as it is
    /// written: no time zone is converted. nil for anything else, and for hour and minute of a date alone.
    func value(of text: UnsafeRawBufferPointer) -> Int64? {
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= text.count else { return nil }
            var value: Int64 = 0
            for byte in text[range] {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"), (1...12).contains(month),
            (1...31).contains(day)
        else { return nil }
        var hour: Int64?
        var minute: Int64?
        if text.count > 10 {
            guard text.count >= 16, text[10] == UInt8(ascii: "T") || text[10] == UInt8(ascii: " "),
                text[13] == UInt8(ascii: ":"), let hours = number(11..<13), let minutes = number(14..<16),
                hours < 24, minutes < 60
            else { return nil }
            hour = hours
            minute = minutes
        }
        switch self {
        case .minute: return minute
        case .hour: return hour
        case .day: return day
        case .week: return Self.isoWeek(year: year, month: month, day: day)
        case .month: return month
        case .year: return year
        }
    }

    /// ISO 8601: week 1 is the one with the year's first Thursday.
    private static func isoWeek(year: Int64, month: Int64, day: Int64) -> Int64 {
        let ordinal = daysFromEpoch(year, month, day) - daysFromEpoch(year, 1, 1) + 1
        // 1970-01-01 was a Thursday; Monday is 1.
        let weekday = (daysFromEpoch(year, month, day) + 3) % 7 + 1
        let week = (ordinal - (weekday < 1 ? weekday + 7 : weekday) + 10) / 7
        if week < 1 { return weeks(in: year - 1) }
        return week > weeks(in: year) ? 1 : week
    }

    private static func weeks(in year: Int64) -> Int64 {
        let firstWeekday = ((daysFromEpoch(year, 1, 1) + 3) % 7 + 7) % 7 + 1
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return firstWeekday == 4 || (isLeap && firstWeekday == 3) ? 53 : 52
    }

    /// Days since 1970-01-01 in the Gregorian calendar.
    private static func daysFromEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
