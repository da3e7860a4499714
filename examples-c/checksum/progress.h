/* A progress bar on stderr. Where stderr is no terminal, all of this does nothing. */
#ifndef CHECKSUM_PROGRESS_H
#define CHECKSUM_PROGRESS_H

#include <stdint.h>

/* How often a thread that waits should come back to look at the bar. */
#define PROGRESS_INTERVAL_MS 100

void progress_begin(uint64_t total);

/* Counts work that has been done. May be called from any thread; only the thread that has called
 * progress_begin paints, when the last painting is at least an interval ago. */
void progress_add(uint64_t done);
void progress_end(void);

#endif
