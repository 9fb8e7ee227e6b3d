import TocsinCommand

@main
struct CommandLineTool {
    static func main() async { await Tocsin.main(nil) }
}
