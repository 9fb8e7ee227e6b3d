#include "cre2.h"

#include <re2/re2.h>

#include <cstring>
#include <new>

struct cre2_expression {
    cre2_expression(const re2::StringPiece &pattern, const RE2::Options &options) : re2(pattern, options) {}
    RE2 re2;
};

static void report(const char *message, size_t length, char *error, size_t error_size) {
    if (error_size == 0) return;
    size_t count = length < error_size - 1 ? length : error_size - 1;
    std::memcpy(error, message, count);
    error[count] = '\0';
}

extern "C" cre2_expression *cre2_new(
    const char *pattern, size_t size, int64_t max_mem, char *error, size_t error_size) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(max_mem);
    // No submatch is ever asked for; without captures the program is smaller.
    options.set_never_capture(true);
    auto *expression = new (std::nothrow) cre2_expression(re2::StringPiece(pattern, size), options);
    if (expression == nullptr) {
        report("out of memory", 13, error, error_size);
        return nullptr;
    }
    if (!expression->re2.ok()) {
        report(expression->re2.error().data(), expression->re2.error().size(), error, error_size);
        delete expression;
        return nullptr;
    }
    return expression;
}

extern "C" void cre2_delete(cre2_expression *expression) { delete expression; }

extern "C" bool cre2_search(const cre2_expression *expression, const uint8_t *text, size_t size) {
    // An empty subject may come without an address; RE2 hands it to memchr.
    re2::StringPiece subject(text == nullptr ? "" : reinterpret_cast<const char *>(text), size);
    return expression->re2.Match(subject, 0, size, RE2::UNANCHORED, nullptr, 0);
}
