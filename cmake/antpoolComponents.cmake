# Refuses what find_package() asks for and the package has not: the components are shared and static.
foreach(component IN LISTS antpool_FIND_COMPONENTS)
    set(antpool_${component}_FOUND FALSE)
    if(component STREQUAL "shared" AND TARGET antpool::antpool)
        set(antpool_shared_FOUND TRUE)
    elseif(component STREQUAL "static" AND TARGET antpool::antpool_static)
        set(antpool_static_FOUND TRUE)
    elseif(antpool_FIND_REQUIRED_${component})
        set(antpool_FOUND FALSE)
        string(APPEND antpool_NOT_FOUND_MESSAGE
            "It has no component \"${component}\" (of shared, static) in ${CMAKE_CURRENT_LIST_DIR}. ")
    endif()
endforeach()
