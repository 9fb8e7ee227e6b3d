extension Unicode.Scalar {
    /// Whether a terminal shows it, and shows it as something of its own: what is invisible hides text, and a mark
    /// without a base would sit on what stands before the text. The same for journal and command line.
    ///
    /// - Parameter afterBase: whether a printable scalar of the same text stands before it.
    package func isPrintable(afterBase: Bool) -> Bool {
        if value < 0x80 { return (0x20...0x7E).contains(value) }
        // Hangul fillers are letters by category, yet blank. So is the empty Braille pattern, a symbol.
        if properties.isDefaultIgnorableCodePoint || self == "\u{2800}" { return false }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol,
            .otherSymbol:
            return true
        case .nonspacingMark, .spacingMark, .enclosingMark: return afterBase
        default: return false
        }
    }
}
