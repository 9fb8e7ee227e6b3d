// sd_journal_sendv and its relatives are macros unless this is set; we name the source location ourselves.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
