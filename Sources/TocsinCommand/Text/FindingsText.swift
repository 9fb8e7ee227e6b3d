internal import JSON
package import TocsinDoctor

/// What the doctor found, for eyes and for programs.
package enum FindingsText {
    package static func text(_ findings: [Finding], _ style: Style) -> String {
        let width = findings.map(\.subject.count).max() ?? 0
        return findings.map { finding in
            let state = finding.state.name + String(repeating: " ", count: 7 - finding.state.name.count)
            let subject = finding.subject + String(repeating: " ", count: width - finding.subject.count)
            // Parts of it are the daemon's own words.
            let line = "\(style(tone(finding.state), state))  \(subject)  \(ShellQuoting.phrase(finding.message))\n"
            let indent = String(repeating: " ", count: 11 + width)
            return line + (finding.advice.map { "\(indent)\(style(.dim, ShellQuoting.phrase($0)))\n" } ?? "")
        }.joined()
    }

    /// One object: the worst state and the findings.
    package static func json(_ findings: [Finding]) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.member("state", (findings.map(\.state).max() ?? .good).name)
        json.name("findings")
        json.beginArray()
        for finding in findings {
            json.beginObject()
            json.member("subject", finding.subject)
            json.member("state", finding.state.name)
            json.member("message", finding.message)
            json.member("advice", finding.advice)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return JSONLine.line(encoded: json.bytes)
    }

    private static func tone(_ state: Finding.State) -> Style.Tone {
        switch state {
        case .good: .green
        case .limited: .yellow
        case .broken: .alarm
        }
    }
}
