/* The array's channel as a socket. */
#define _POSIX_C_SOURCE 200809L
#include "port.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int array_fd = -1;

static void broken(const char *what)
{
    fprintf(stderr, "the array is gone: %s\n", what);
    exit(70);
}

void channel_send(const uint8_t *p, size_t size)
{
    while (size) {
        ssize_t n = write(array_fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            broken(strerror(errno));
        p += n;
        size -= (size_t)n;
    }
}

void channel_receive(uint8_t *p, size_t size)
{
    while (size) {
        ssize_t n = read(array_fd, p, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            broken(n ? strerror(errno) : "it closed the connection");
        p += n;
        size -= (size_t)n;
    }
}

static int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strlen(path) >= sizeof a.sun_path)
        return -1;
    strcpy(a.sun_path, path);
    return fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a) ? fd : -1;
}

static int connect_tcp(const char *address)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (!colon || (size_t)(colon - address) >= sizeof host)
        return -1;
    memcpy(host, address, (size_t)(colon - address));
    host[colon - address] = 0;
    a.sin_port = htons((uint16_t)atoi(colon + 1));
    if (fd < 0 || inet_pton(AF_INET, host, &a.sin_addr) != 1 || connect(fd, (struct sockaddr *)&a, sizeof a))
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

void array_connect(const char *url)
{
    array_fd = !strncmp(url, "unix://", 7) ? connect_unix(url + 7) : !strncmp(url, "tcp://", 6) ? connect_tcp(url + 6) : -1;
    if (array_fd < 0) {
        fprintf(stderr, "cannot reach an array at %s; start one: pixeltree emulate-array --listen unix:///tmp/array0\n", url);
        exit(2);
    }
    array_begin();
}
