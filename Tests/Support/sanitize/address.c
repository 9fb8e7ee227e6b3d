// Options of AddressSanitizer. Linked into every program of its build.
//
// Leaks are not looked for. An object counts as leaked where no pointer to it is found; Swift keeps the case of an enum
// in unused bits of the pointer to what the case holds, and such a word is taken for no pointer.
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
