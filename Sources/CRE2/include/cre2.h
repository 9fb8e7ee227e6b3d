// RE2 for a language without C++: the four calls this project needs.
//
// An expression is immutable and may be searched from several threads at once.

#ifndef CRE2_H
#define CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cre2_expression;

// Compiles a pattern (UTF-8, RE2 syntax). NULL where RE2 refuses it; then `error` holds RE2's message, NUL-terminated
// and cut to `error_size`. `max_mem` bounds the compiled program and the caches of its automata, in bytes.
struct cre2_expression *cre2_new(const char *pattern, size_t size, int64_t max_mem, char *error, size_t error_size);

void cre2_delete(struct cre2_expression *expression);

// Whether the pattern matches anywhere in the text, in time linear in its size. Exhausted cache memory makes RE2 fall
// back to a slower automaton, never to a wrong answer.
bool cre2_search(const struct cre2_expression *expression, const uint8_t *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
