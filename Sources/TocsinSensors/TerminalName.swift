/// The name of a terminal from its device number, as the kernel writes it into /proc/PID/stat.
package enum TerminalName {
    /// nil for no terminal. Major numbers as in the kernel's Documentation/admin-guide/devices.txt; one that has no
    /// fixed name is written as `MAJOR:MINOR`.
    package static func make(deviceNumber: Int32) -> String? {
        guard deviceNumber != 0 else { return nil }
        // new_encode_dev: the minor number is around the major number.
        let bits = UInt32(bitPattern: deviceNumber)
        let major = bits >> 8 & 0xFFF
        let minor = bits & 0xFF | bits >> 12 & 0xFFF00
        return switch major {
        case 136...143: "pts/\((major - 136) << 8 | minor)"
        case 4 where minor < 64: "tty\(minor)"
        case 4: "ttyS\(minor - 64)"
        case 5 where minor == 1: "console"
        case 229: "hvc\(minor)"
        case 188: "ttyUSB\(minor)"
        case 204 where minor >= 64 && minor < 80: "ttyAMA\(minor - 64)"
        default: "\(major):\(minor)"
        }
    }
}
