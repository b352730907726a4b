/* The operating system's part: sockets, terminals, time. See README.md. */
#define _POSIX_C_SOURCE 200809L
#include "../../core/device.h"
#include "../../core/frame.h"
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

struct config config = {.heartbeat = 1000, .silence = 5000, .resume = 30000, .memory = 65536, .icw_store = 1024};
#ifdef FLASH
extern const struct flash FLASH;
#endif
static uint64_t started;
static volatile sig_atomic_t stopping;

uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 - started;
}

void fatal(const char *what) { perror(what); exit(1); }

void random_bytes(uint8_t *p, size_t size)
{
    int fd = open("/dev/urandom", O_RDONLY);
    if (fd < 0 || read(fd, p, size) != (ssize_t)size)
        fatal("/dev/urandom");
    close(fd);
}

void drop_connection(struct wire *w)
{
    if (config.tty)
        return;
    close(w->fd);
    w->fd = -1;
}

static bool flush(struct wire *w)
{
    ssize_t n = w->out_size ? write(w->fd, w->out, w->out_size) : 0;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    memmove(w->out, w->out + n, w->out_size - (size_t)n);
    w->out_size -= (size_t)n;
    return true;
}

static void look_at(struct wire *w, bool readable)
{
    uint8_t bytes[16384];
    ssize_t n = readable ? read(w->fd, bytes, sizeof bytes) : -1;
    if (readable && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
        close_wire(w);
        if (config.tty)
            poll(NULL, 0, 50);                         /* hung up: it may be back soon */
        return;
    }
    for (ssize_t i = 0; i < n; i++)
        take_byte(w, bytes[i]);
    if (w->state == NEW && now() - w->last_heard >= config.silence && !config.tty)
        close_wire(w);                                 /* nobody greets */
}

static void open_wire(int fd)
{
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd < 0) {
            memset(&wires[i], 0, sizeof wires[i]);
            wires[i].fd = fd;
            wires[i].last_heard = now();
            fcntl(fd, F_SETFL, O_NONBLOCK);
            return;
        }
    close(fd);
}

static int listen_on(unsigned port)                    /* loopback only; a port of 0 chooses one */
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) || bind(fd, (struct sockaddr *)&a, size)
        || listen(fd, WIRES) || getsockname(fd, (struct sockaddr *)&a, &size))
        fatal("listen");
    printf("listening on tcp://127.0.0.1:%u\n", ntohs(a.sin_port));
    fflush(stdout);
    return fd;
}

static void open_tty(const char *path)
{
    int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    struct termios t;
    if (fd < 0 || tcgetattr(fd, &t))
        fatal(path);
    t.c_iflag = t.c_oflag = t.c_lflag = 0;             /* raw: every byte as it is */
    t.c_cflag = CS8 | CREAD | CLOCAL;
#ifdef B3000000
    cfsetispeed(&t, B3000000);
    cfsetospeed(&t, B3000000);
#endif
    if (tcsetattr(fd, TCSANOW, &t))
        fatal(path);
    config.tty = true;
    open_wire(fd);
}

static void read_token(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fatal(path);
    config.token_size = fread(config.token, 1, sizeof config.token, file);
    while (config.token_size && strchr(" \t\r\n", config.token[config.token_size - 1]))
        config.token_size--;
    fclose(file);
    if (config.token_size < 16) {
        fprintf(stderr, "%s: a token has at least 16 bytes\n", path);
        exit(1);
    }
}

static void stop(int number) { (void)number; stopping = 1; }

static bool busy;                                      /* there is more to do at once */

/* Steps for half a millisecond: the link is served in between. */
static void work(void)
{
    struct timespec begun, t;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        busy = work_in_hand();
        clock_gettime(CLOCK_MONOTONIC, &t);
    } while (busy && (t.tv_sec - begun.tv_sec) * 1000000000ll + t.tv_nsec - begun.tv_nsec < 500000);
    array_flush();
}

static void serve(int listener)
{
    struct pollfd polls[WIRES + 1] = {{.fd = listener, .events = POLLIN}};
    for (int i = 0; i < WIRES; i++)
        polls[i + 1] = (struct pollfd){.fd = wires[i].fd, .events = (short)(POLLIN | (wires[i].out_size ? POLLOUT : 0))};
    if (poll(polls, WIRES + 1, busy ? 0 : 5) < 0)
        return;
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0)
            look_at(&wires[i], polls[i + 1].revents & (POLLIN | POLLHUP | POLLERR));
    if (polls[0].revents & POLLIN)
        open_wire(accept(listener, NULL, NULL));
    for (int i = 0; i < SESSIONS; i++)
        if (sessions[i].used)
            work_off(&sessions[i]);
    run_without_host();
    work();
    for (int i = 0; i < SESSIONS; i++) {
        struct session *s = &sessions[i];
        if (s->used && s->wire)
            tick(s);
        else if (s->used && now() - s->gone_at >= config.resume)
            end_session(s);
    }
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0 && !flush(&wires[i]))
            close_wire(&wires[i]);
}

int main(int argc, char **argv)
{
    int listener = -1, port = 0;
    const char *tty = NULL, *array = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--port")) port = atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--tty")) tty = argv[i + 1];
        else if (!strcmp(argv[i], "--token-file")) read_token(argv[i + 1]);
        else if (!strcmp(argv[i], "--array")) array = argv[i + 1];
        else if (!strcmp(argv[i], "--memory-bytes")) config.memory = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--icw-store")) config.icw_store = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--heartbeat-ms")) config.heartbeat = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--silence-ms")) config.silence = (uint32_t)atoi(argv[i + 1]);
        else if (!strcmp(argv[i], "--resume-ms")) config.resume = (uint32_t)atoi(argv[i + 1]);
        else argc = 0;
    }
    if (argc % 2 == 0 || !array || config.icw_store < 1 || config.icw_store > ICW_OWN || config.memory < 1) {
        fprintf(stderr, "use: pixeltree-device --array URL [--port N | --tty PATH] [--token-file PATH] [--memory-bytes N]\n"
                        "       [--icw-store N] [--heartbeat-ms N] [--silence-ms N] [--resume-ms N]\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    started = now();
    array_connect(array);
#ifdef FLASH
    config.flash = &FLASH;
#endif
    store.budget = config.memory;
    store.icw_room = config.icw_store;
    random_bytes(config.boot_id, 8);
    for (int i = 0; i < WIRES; i++)
        wires[i].fd = -1;
    if (tty)
        open_tty(tty);
    else
        listener = listen_on((unsigned)port);
    while (!stopping)
        serve(listener);
    for (int i = 0; i < WIRES; i++)
        if (wires[i].fd >= 0 && wires[i].state == READY) {
            start(MSG_STOPPING, 0);
            add_text("the device was told to stop");
            send_link(&wires[i]);
            flush(&wires[i]);
        }
    return 0;
}
