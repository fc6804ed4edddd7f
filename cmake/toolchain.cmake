# For the image: the compiler of the machine that OOMTRAIL_TRIPLET (in the environment) names, as Debian
# calls it, and Debian's multiarch libraries of that machine. It may be another than the one that builds.
set(CMAKE_SYSTEM_NAME Linux)
set(triplet $ENV{OOMTRAIL_TRIPLET})
string(REGEX REPLACE "-.*" "" CMAKE_SYSTEM_PROCESSOR "${triplet}")
set(CMAKE_C_COMPILER ${triplet}-gcc)
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(ENV{PKG_CONFIG_LIBDIR} /usr/local/lib/pkgconfig:/usr/lib/${triplet}/pkgconfig:/usr/share/pkgconfig)
