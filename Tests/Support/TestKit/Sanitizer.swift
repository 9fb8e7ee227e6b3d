import Glibc

/// Whether these tests were built for a sanitizer, as `make sanitize` does. Under one, a program of this build takes
/// ten times as long to start.
package let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil
