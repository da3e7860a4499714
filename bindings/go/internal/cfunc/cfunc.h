#ifndef ANTPOOL_GO_CFUNC_H
#define ANTPOOL_GO_CFUNC_H

typedef struct cfunc_counter_t cfunc_counter_t;
typedef struct cfunc_gate_t cfunc_gate_t;

void cfunc_increment(void *counter);
void cfunc_wait(void *gate);
void cfunc_fail(void *ignored);
void cfunc_nap(void *ignored);
void cfunc_nothing(void *ignored);

cfunc_counter_t *cfunc_counter_new(void);
long cfunc_counter_value(cfunc_counter_t *counter);
void cfunc_counter_free(cfunc_counter_t *counter);

cfunc_gate_t *cfunc_gate_new(void);
int cfunc_gate_arrived(cfunc_gate_t *gate);
void cfunc_gate_open(cfunc_gate_t *gate);
void cfunc_gate_free(cfunc_gate_t *gate);

#endif
