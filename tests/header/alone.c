/* The header needs no other before it, and its initialiser compiles without a warning. */
#include <antpool.h>

int main(void)
{
    antpool_options_t options = ANTPOOL_OPTIONS_INIT;
    return options.struct_size == sizeof(antpool_options_t) ? 0 : 1;
}
