// A library in C++ that a program in C loads when it already has antpool.

#include <cstring>
#include <exception>
#include <stdexcept>

namespace {

struct Base {
    virtual ~Base() = default;
    int padding = 0;
};

// An exception that is a std::exception only at its second base.
struct Second : Base, virtual std::logic_error {
    Second() : std::logic_error("at the second base") {}
};

} // namespace

// What a task of this library is told.
struct throws_t {
    const char *name;
    void (*wait)(void);
    int mistakes;
};

extern "C" {

void throws_error(void *)
{
    throw std::runtime_error("from a library loaded later");
}

void throws_second(void *)
{
    throw Second();
}

void throws_number(void *)
{
    throw 42;
}

// By a reference to an exception that is kept elsewhere.
void throws_kept(void *)
{
    std::exception_ptr kept;
    try {
        throw std::runtime_error("kept for later");
    } catch (...) {
        kept = std::current_exception();
    }
    std::rethrow_exception(kept);
}

// Waits in a handler, and goes on with the exception that it has in hand.
void throws_and_waits(void *arg)
{
    throws_t *self = static_cast<throws_t *>(arg);
    for (int i = 0; i < 20; i++) {
        try {
            throw std::runtime_error(self->name);
        } catch (const std::exception &) {
            self->wait();
            try {
                throw;
            } catch (const std::exception &exception) {
                self->mistakes += std::strcmp(exception.what(), self->name) != 0;
            }
        }
    }
}
}
