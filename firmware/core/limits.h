/* Sizes that a port chooses. These are for a computer; a microcontroller's port names its own file as PORT_LIMITS. */
#ifndef LIMITS_H
#define LIMITS_H

#ifdef PORT_LIMITS
#include PORT_LIMITS
#else
#define MEMORY_ROOM (4u << 20)                         /* bytes of objects */
#define MAX_OBJECT (2u << 20)
#define MAX_OBJECTS 500                                /* objects and uploads; 16 bytes each fit an answer */
#define MAX_BODY 8192u                                 /* of a message to the device */
#define WINDOW 65536u                                  /* bytes that the host may have under way */
#define SEND_WINDOW 131072u                            /* what we have under way ourselves, at most */
#define KEPT 256u                                      /* frames that we have under way, at most */
#define PART 4096u                                     /* of a plane or a read-out */
#define GREATEST (65535u - 9)                          /* body of what we send: a RESULT */
#define PLANES 16                                      /* asked for at a time; a request more must wait */
#define WIRES 4
#define SESSIONS 4
#define OUT_ROOM (1u << 17)                            /* of a wire: 1,100 or more; frames go out in pieces */
#define NOTICE_ROOM 16384u
#define TOKEN_ROOM 4096
#define CONTEXTS 32749u                                /* of a block's code; a prime number */
#define SCANNED_ROOM 131072u                           /* bytes of DREGs that a program reads out */
#define MOST_LOGITS 15000                              /* of all nodes of a path together */
#define MOST_SLOTS 510u                                /* blocks and segments of a node or program together */
#define COVER_ROOM 32768u                              /* bytes of covers that are kept; below 65,536 */
#define OWN_TEXTS 96                                   /* of the controller's own words that are kept */
#define STORE_SECTION                                  /* where the objects lie */
#endif

#endif
