#include "agent/cli/command_line.h"

int main(int argc, char** argv) { return oomtrail::cli::Main(argc, argv); }
