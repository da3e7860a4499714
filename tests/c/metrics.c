/* What antpool_metrics() writes, as something that reads OpenMetrics understands it. */
#include "spec.h"

#include "child.h"

enum { LONGEST = 1 << 18 };

static void *write_metrics(void *fd)
{
    CHECK_STATUS(antpool_metrics((int)(intptr_t)fd), ANTPOOL_OK);
    close((int)(intptr_t)fd);
    return NULL;
}

/* All of it, which is longer than a pipe has room for. */
static const char *metrics(void)
{
    static char text[LONGEST];
    int ends[2];
    CHECK_EQ(pipe(ends), 0);
    pthread_t writer = spec_thread(write_metrics, (void *)(intptr_t)ends[1]);
    size_t length = 0;
    for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;)
        length += (size_t)got;
    close(ends[0]);
    spec_join(writer);
    text[length] = '\0';
    return text;
}

/* The figure of the one pool of that name; -1 if there is none, or several. */
static double figure(const char *text, const char *family, const char *pool, const char *more)
{
    char begin[256];
    snprintf(begin, sizeof begin, "\nantpool_%s{pool=\"%s\",id=\"", family, pool);
    double value = -1;
    int found = 0;
    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++) {
        const char *rest = strchr(at + strlen(begin), '"');
        CHECK(rest != NULL);
        if (strncmp(rest + 1, more, strlen(more)) == 0 && rest[1 + strlen(more)] == '}') {
            value = atof(rest + 1 + strlen(more) + 1);
            found++;
        }
    }
    return found == 1 ? value : -1;
}

static antpool_t *named(const char *name, int64_t capacity)
{
    antpool_options_t options = spec_options();
    options.name = name;
    options.queue_capacity = 10;
    return spec_pool(capacity, &options);
}

SPEC(each_pool_is_in_it_with_its_figures)
{
    antpool_t *web = named("web", 2), *disk = named("disk", ANTPOOL_UNLIMITED);
    gate_t gate = GATE_INIT;
    spec_hold(web, &gate, 2);
    CHECK_STATUS(antpool_submit(web, gate_task, &gate), ANTPOOL_OK);
    const char *text = metrics();
    CHECK_EQ(figure(text, "capacity", "web", ""), 2);
    CHECK_EQ(figure(text, "capacity", "disk", ""), -1);
    CHECK_EQ(figure(text, "workers", "web", ""), 2);
    CHECK_EQ(figure(text, "workers_busy", "web", ""), 2);
    CHECK_EQ(figure(text, "tasks_queued", "web", ""), 1);
    CHECK_EQ(figure(text, "tasks_submitted_total", "web", ""), 3);
    CHECK_EQ(figure(text, "tasks_submitted_total", "disk", ""), 0);
    gate_open(&gate);
    CHECK_STATUS(antpool_wait(web), ANTPOOL_OK);
    text = metrics();
    CHECK_EQ(figure(text, "tasks_completed_total", "web", ""), 3);
    spec_destroy(web);
    text = metrics();
    CHECK_EQ(figure(text, "tasks_completed_total", "web", ""), -1);
    CHECK_EQ(figure(text, "workers", "disk", ""), 0);
    spec_destroy(disk);
}

SPEC(every_line_is_a_comment_or_a_figure_and_the_last_says_so)
{
    antpool_t *pool = named("a \"quoted\" \\ name", 1);
    const char *text = metrics();
    CHECK(strstr(text, "pool=\"a \\\"quoted\\\" \\\\ na") != NULL);
    const char *line = text;
    for (const char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        const bool comment =
            strncmp(line, "# TYPE antpool_", 15) == 0 || strncmp(line, "# HELP antpool_", 15) == 0;
        const bool last = strncmp(line, "# EOF\n", 6) == 0 && end[1] == '\0';
        const char *space = memchr(line, '}', (size_t)(end - line));
        const bool of_figure =
            strncmp(line, "antpool_", 8) == 0 && space != NULL && space[1] == ' ';
        if (!comment && !last && !of_figure)
            spec_fail(__FILE__, __LINE__, "not understood: %.*s", (int)(end - line), line);
    }
    CHECK_EQ(*line, '\0');
    spec_destroy(pool);
}

SPEC(pools_of_one_name_are_told_apart)
{
    antpool_t *one = named("twin", 1), *two = named("twin", 1);
    const char *text = metrics();
    int found = 0;
    const char *begin = "\nantpool_workers{pool=\"twin\",id=\"";
    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++)
        found++;
    CHECK_EQ(found, 2);
    CHECK_EQ(figure(text, "workers", "twin", ""), -1);
    spec_destroy(one);
    spec_destroy(two);
}

SPEC(the_times_of_sampled_tasks_are_histograms)
{
    antpool_t *pool = named("times", 1);
    for (int i = 0; i < 200; i++)
        CHECK_STATUS(antpool_submit(pool, nothing, NULL), ANTPOOL_OK);
    CHECK_STATUS(antpool_wait(pool), ANTPOOL_OK);
    const char *text = metrics();
    const double samples = figure(text, "run_time_seconds_count", "times", "");
    CHECK(samples >= 3 && samples < 200);
    CHECK(figure(text, "queue_time_seconds_count", "times", "") == samples);
    CHECK(figure(text, "run_time_seconds_bucket", "times", ",le=\"+Inf\"") == samples);
    CHECK(figure(text, "run_time_seconds_sum", "times", "") >= 0);
    const double some[] = {
        figure(text, "run_time_seconds_bucket", "times", ",le=\"0.000000064\""),
        figure(text, "run_time_seconds_bucket", "times", ",le=\"0.000001024\""),
        figure(text, "run_time_seconds_bucket", "times", ",le=\"0.001048576\""),
    };
    CHECK(0 <= some[0] && some[0] <= some[1] && some[1] <= some[2] && some[2] <= samples);
    spec_destroy(pool);
}

static void see_own_pools_only(void *unused)
{
    (void)unused;
    CHECK_EQ(figure(metrics(), "workers", "parent", ""), -1);
    antpool_t *pool = named("child", 1);
    const char *text = metrics();
    CHECK_EQ(figure(text, "workers", "child", ""), 0);
    CHECK_EQ(figure(text, "workers", "parent", ""), -1);
    spec_destroy(pool);
}

SPEC(a_child_shows_the_pools_that_it_has_made)
{
    child_starts_threads();
    antpool_t *pool = named("parent", 1);
    CHECK_EQ(figure(metrics(), "workers", "parent", ""), 0);
    CHECK_EXIT(child_wait(child_start(see_own_pools_only, NULL)), 0);
    spec_destroy(pool);
}

static void *make_and_end(void *stop)
{
    while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
        spec_destroy(named("brief", 1));
    return NULL;
}

SPEC(pools_may_come_and_go_meanwhile)
{
    bool stop = false;
    antpool_t *pool = named("lasting", 1);
    pthread_t maker = spec_thread(make_and_end, &stop);
    for (size_t round = 0; round < spec_rounds(200); round++)
        CHECK_EQ(figure(metrics(), "workers", "lasting", ""), 0);
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    spec_join(maker);
    spec_destroy(pool);
}

SPEC_MAIN()
