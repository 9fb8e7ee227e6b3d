import Logging
import NIOCore
import Sigma
import TocsinLinux
import TocsinRules
import TocsinSystemd

/// Keeps the rules in force those of the configured directories: takes over each set that the loader finished, and
/// tells what was refused.
///
/// Lives on the event loop. Owns the loader and its thread, which is joined when this object goes.
final class RuleService {
    /// Done when the first set is in force, or could not be read.
    let loaded: EventLoopFuture<Void>

    private let eventLoop: any EventLoop
    private let loader: RuleLoader
    private let thread: BlockingThread
    private let ended: EventLoopFuture<Void>

    /// Refusals that are logged of one load; the others are counted.
    private static let loggedRefusals = 100

    init(
        on eventLoop: any EventLoop, _ directories: [String], logger: Logger,
        replace: @escaping (LoadedRules) -> Void
    ) throws {
        self.eventLoop = eventLoop
        let first = eventLoop.makePromise(of: Void.self)
        loaded = first.futureResult
        let end = eventLoop.makePromise(of: Void.self)
        ended = end.futureResult
        let replace = NIOLoopBound(replace, eventLoop: eventLoop)
        do {
            let loader = try RuleLoader(directories: directories) { outcome in
                eventLoop.execute {
                    if case .success(let rules) = outcome.rules { replace.value(rules) }
                    Self.log(outcome, logger)
                    first.succeed()
                }
            }
            self.loader = loader
            thread = try BlockingThread(name: "rules") {
                loader.run()
                end.succeed()
            }
        } catch {
            first.fail(error)
            end.fail(error)
            throw error
        }
    }

    /// Reads all rules again; done when the new set is in force, or the old one stays.
    func reload(_ directories: [String]) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        // Behind the delivery, which goes the same way.
        loader.reload(directories) { promise.succeed() }
        return promise.futureResult
    }

    /// Done when the thread calls the loop no more.
    func stop() -> EventLoopFuture<Void> {
        loader.stop()
        return ended
    }

    deinit { loader.stop() }

    private static func log(_ outcome: RuleLoader.Outcome, _ logger: Logger) {
        for failure in outcome.watchFailures {
            logger.warning(
                "Cannot watch for changed rules here, reload to take them over", metadata: ["reason": "\(failure)"])
        }
        switch outcome.rules {
        case .success(let loaded):
            let rules = loaded.rules
            for refusal in rules.refusals.prefix(loggedRefusals) { log(refusal, logger) }
            for filter in rules.idleFilters.prefix(loggedRefusals) {
                logger.warning(
                    "Filter applies to no rule",
                    metadata: ["place": "\(filter.file):\(filter.line)", "title": "\(filter.metadata.title)"])
            }
            logger.log(
                level: .notice, .rulesLoaded, "Rules loaded",
                metadata: [
                    "rules": "\(rules.rules.count)", "refused": "\(rules.refusals.count)",
                    "notApplicable": "\(rules.notApplicable.count)",
                ])
        case .failure(let error):
            logger.log(
                level: .error, .ruleRefused, "Rules cannot be read, continuing with the old ones",
                metadata: ["reason": "\(error)"])
        }
    }

    private static func log(_ refusal: Refusal, _ logger: Logger) {
        var metadata: Logger.Metadata = [
            "place": "\(refusal.file):\(refusal.line):\(refusal.column)",
            "reason": "\(refusal.kind.rawValue): \(refusal.reason)",
        ]
        if let rule = refusal.rule { metadata["ruleID"] = "\(rule)" }
        logger.log(level: .warning, .ruleRefused, "Rule refused", metadata: metadata)
    }
}
