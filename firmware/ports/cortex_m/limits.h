/* Sizes for a microcontroller of the LPC43xx class. */
#define MEMORY_ROOM (64u << 10)
#define MAX_OBJECT (32u << 10)
#define MAX_OBJECTS 140
#define MAX_BODY 2048u
#define WINDOW 3072u
#define SEND_WINDOW 4096u
#define KEPT 32u
#define PART 1024u
#define GREATEST 4096u
#define PLANES 4
#define WIRES 1
#define SESSIONS 1
#define OUT_ROOM 1280u
#define NOTICE_ROOM 512u
#define TOKEN_ROOM 64
#define CONTEXTS 1361u
#define SCANNED_ROOM 8192u
#define MOST_LOGITS 256
#define MOST_SLOTS 140u
#define COVER_ROOM 3072u
#define OWN_TEXTS 16
#define STORE_SECTION __attribute__((section(".store")))
