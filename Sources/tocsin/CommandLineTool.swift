import TocsinCommand

@main
struct CommandLineTool {
    static func main() { Tocsin.runToEnd() }
}
