// kmsd: the verbs that work on this host's data and media.
#include "daemon/kmsd_program.h"

int main(int argc, char** argv) { return kmsd::runProgram(kmsd::kmsdProgram(), argc, argv); }
